//! Every user-data format: documents in `tests/userdata/NAME/in`, what becomes of them in `expect.txt`.
//!
//! `UPDATE=1 cargo test formats` writes `expect.txt` anew; the diff is the review. A document that includes others finds them in
//! `NAME/include/`, under their URL with each `/` written as `_`. What is a template, or has some among its parts, is rendered as well,
//! with `instance-data.json`: `rendered.txt` has its parts and warnings.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use base64::Engine as _;
use cloudseed_core::budget::{self, Budget};
use cloudseed_core::bytes::Bytes;
use cloudseed_core::json;
use cloudseed_core::userdata::part_type::PartType;
use cloudseed_core::userdata::template::{self, Limits};
use cloudseed_core::userdata::{self, Decoded, Includes, Item, Part};
use cloudseed_core::warning::{Blame, Error};
use sha2::{Digest, Sha256};

use crate::fixture::is_expected;
use crate::sys::template::Jinja;

/// The documents a fixture's includes lead to.
pub struct Folder(pub PathBuf);

impl Includes for Folder {
    fn get(&mut self, url: &str, _once: bool) -> Result<Bytes, Error> {
        let missing = |_| Error::new(Blame::Broken, "include", url, "a document", "none");
        let document = fs::read(self.0.join("include").join(url.replace('/', "_")));
        document.map(Bytes::from).map_err(missing)
    }
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/userdata");
    let mut fixtures: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    fixtures.sort();
    fixtures
}

fn take_apart(fixture: &Path, document: &[u8]) -> Decoded {
    userdata::take_apart(
        document,
        "user-data",
        &mut Folder(fixture.to_path_buf()),
        &Budget::new(),
    )
}

#[test]
fn every_fixture_is_decoded_as_expected() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let document = fs::read(fixture.join("in")).unwrap();
        let found = describe(&take_apart(&fixture, &document));
        if !is_expected(&fixture.join("expect.txt"), &found) {
            wrong.push(format!("{}:\n{found}", fixture.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_template_is_rendered_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/userdata");
    let instance_data = json::read(&fs::read(folder.join("instance-data.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let document = fs::read(fixture.join("in")).unwrap();
        let parts = take_apart(&fixture, &document).parts;
        if !parts
            .iter()
            .any(|part| part.content_type == PartType::Jinja)
        {
            continue;
        }
        let (budget, left) = (Budget::new(), || Duration::from_secs(8));
        let limits = Limits {
            budget: &budget,
            left: &left,
        };
        let (parts, warnings) = template::render_parts(parts, &instance_data, &mut Jinja, &limits);
        let mut found = String::new();
        for part in &parts {
            let text = std::str::from_utf8(&part.content).unwrap();
            writeln!(found, "{} {}\n{text}\n", part.number, part.content_type).unwrap();
        }
        for warning in warnings {
            writeln!(found, "warning: {}", warning.whole()).unwrap();
        }
        if !is_expected(&fixture.join("rendered.txt"), &found) {
            wrong.push(format!("{}:\n{found}", fixture.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_prefix_and_every_flipped_byte_is_survived() {
    // What is inside a template is one text here.
    let is_template = |fixture: &PathBuf| fixture.to_string_lossy().contains("/template-");
    for fixture in fixtures()
        .into_iter()
        .filter(|fixture| !is_template(fixture))
    {
        let document = fs::read(fixture.join("in")).unwrap();
        assert!(
            document.len() <= 8192,
            "{} is too large for this",
            fixture.display()
        );
        for end in 0..document.len() {
            check(&take_apart(&fixture, &document[..end]));
        }
        for at in 0..document.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut flipped = document.clone();
                flipped[at] ^= flip;
                check(&take_apart(&fixture, &flipped));
            }
        }
    }
}

/// What holds for the outcome of any document whatever.
fn check(decoded: &Decoded) {
    for (index, part) in decoded.parts.iter().enumerate() {
        assert_eq!(part.number as usize, index + 1);
        assert_eq!(
            part.content_type.as_str().matches('/').count(),
            1,
            "{}",
            part.content_type
        );
        assert!(!part.filename.is_empty() && part.filename.len() <= userdata::FILENAME_BYTES_MAX);
        assert!(part.origin.starts_with("user-data"));
    }
    let outlined = decoded
        .outline
        .iter()
        .filter(|line| matches!(line.item, Item::Part(_)));
    assert_eq!(outlined.count(), decoded.parts.len());
    assert!(decoded.outline.len() <= userdata::PARTS_MAX);
    assert!(decoded.warnings.len() <= userdata::WARNINGS_MAX);
    assert!(
        decoded
            .parts
            .iter()
            .map(|part| part.content.len())
            .sum::<usize>()
            <= budget::PARTS_BYTES_MAX
    );
}

#[test]
fn the_last_container_there_is_room_for_stays_empty() {
    struct Script;
    impl Includes for Script {
        fn get(&mut self, _: &str, _: bool) -> Result<Bytes, Error> {
            Ok(Bytes::from("#!/bin/sh\n"))
        }
    }
    // Beside the leaves: the multipart, the list of URLs, and the document behind the first of them.
    for (leaves, parts) in [(userdata::PARTS_MAX - 4, 1), (userdata::PARTS_MAX - 3, 0)] {
        let mut mail =
            String::from("Content-Type: multipart/mixed; boundary=B\nMIME-Version: 1.0\n\n");
        mail += &"--B\n\n#!/bin/sh\n".repeat(leaves);
        mail += "--B\n\n#include\nhttp://a/1\nhttp://a/2\n--B--\n";
        let decoded =
            userdata::take_apart(mail.as_bytes(), "user-data", &mut Script, &Budget::new());
        check(&decoded);
        assert_eq!(decoded.outline.len(), userdata::PARTS_MAX);
        assert_eq!(decoded.parts.len(), leaves + parts);
    }
}

/// Parts, outline and warnings as text that is easy to review.
fn describe(decoded: &Decoded) -> String {
    let mut text = String::new();
    for line in &decoded.outline {
        let indent = "  ".repeat(line.depth);
        match &line.item {
            Item::Container(what) => writeln!(text, "{indent}{what}"),
            Item::Part(number) => writeln!(text, "{indent}part {number}"),
            Item::Lost(what) => writeln!(text, "{indent}lost: {what}"),
        }
        .unwrap();
    }
    for part in &decoded.parts {
        describe_part(&mut text, part);
    }
    for warning in &decoded.warnings {
        write!(text, "\nwarning: {}\n", warning.whole()).unwrap();
    }
    text
}

fn describe_part(text: &mut String, part: &Part) {
    let digest = Sha256::digest(&*part.content);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(text, "\npart {}", part.number).unwrap();
    writeln!(text, "  type      {}", part.content_type).unwrap();
    writeln!(text, "  filename  {:?}", part.filename).unwrap();
    writeln!(text, "  origin    {}", part.origin).unwrap();
    for (name, value) in &part.headers {
        writeln!(text, "  header    {name}: {}", value.escape_debug()).unwrap();
    }
    writeln!(text, "  bytes     {}", part.content.len()).unwrap();
    writeln!(text, "  sha256    {sha256}").unwrap();
    match std::str::from_utf8(&part.content) {
        Ok(content) if content.len() <= 2000 => {
            for line in content.split_inclusive('\n') {
                writeln!(text, "  | {}", line.escape_debug()).unwrap();
            }
        }
        _ => {}
    }
}

/// Documents made to be slow or large; each must be dealt with in seconds, even by a debug build on a busy machine.
#[test]
fn hostile_documents_come_to_an_end() {
    const MIME: &str = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n";
    let repeated = |head: &str, piece: &str| {
        let count = (userdata::DOCUMENT_BYTES_MAX - head.len()) / piece.len();
        [head, &piece.repeat(count)].concat()
    };
    let nested: String = (0..200_000)
        .map(|depth| format!("Content-Type: multipart/mixed; boundary=B{depth}\n\n--B{depth}\n"))
        .collect();
    let bomb = base64::engine::general_purpose::STANDARD.encode(bomb());
    let bomb = format!(
        "--B\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n{bomb}\n"
    );
    let documents = [
        ("bombs", repeated(&[MIME, "\n"].concat(), &bomb)),
        ("parts", repeated(&[MIME, "\n"].concat(), "--B\n\nx\n")),
        ("boundaries", repeated(&[MIME, "\n"].concat(), "--B\n")),
        (
            "almost boundaries",
            repeated(&[MIME, "\n--B\n\n"].concat(), "--Bx\n"),
        ),
        ("header lines", repeated(MIME, "a:\n")),
        ("continuation lines", repeated(MIME, " \n")),
        (
            "parameters",
            repeated("MIME-Version: 1.0\nContent-Disposition: x", ";a*1=%41"),
        ),
        (
            "quotation marks",
            repeated("MIME-Version: 1.0\nContent-Disposition: x", ";a=\""),
        ),
        (
            "encoded words",
            repeated(
                "MIME-Version: 1.0\nContent-Disposition: x;filename=",
                "=?a?b?x",
            ),
        ),
        ("blank lines", repeated("", "\n")),
        ("one line", repeated("#include ", "x")),
        ("includes", repeated("#include\n", "a\n")),
        (
            "percent signs",
            repeated("MIME-Version: 1.0\nContent-Disposition: x;filename*=", "%"),
        ),
        (
            "soft breaks",
            repeated(
                "MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n",
                "=\r",
            ),
        ),
        ("nesting", ["MIME-Version: 1.0\n", &nested].concat()),
        ("a line of 100 MiB", "x".repeat(100 << 20)),
    ];
    // Each takes a second or so; work that grew with the square of the size would take hours, and the test would not end.
    for (name, document) in documents {
        let start = Instant::now();
        check(&take_apart(Path::new("/nonexistent"), document.as_bytes()));
        let took = start.elapsed();
        println!("{name}: {took:?}");
    }
}

/// 40 MiB of zeros in 40 KiB of gzip.
fn bomb() -> Vec<u8> {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [
        &header[..],
        &miniz_oxide::deflate::compress_to_vec(&vec![0; 40 << 20], 9),
    ]
    .concat()
}
