//! The tools that need no machine: decode, make-mime, check; each on files of its own.

use std::fs;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use argh::FromArgs;
use cloudseed_core::json;
use cloudseed_core::userdata::Includes;
use cloudseed_core::value::Value;
use cloudseed_core::warning::{Blame, Error};

use crate::command::check::Check;
use crate::command::decode::Decode;
use crate::command::make_mime::MakeMime;
use crate::compile::Scratch;

/// A web without pages.
struct Nowhere;

impl Includes for Nowhere {
    fn get(&mut self, url: &str, _once: bool) -> Result<Vec<u8>, Error> {
        Err(Error::new(Blame::Silent, "fetch", url, "an answer", "none"))
    }
}

fn parse<T: FromArgs>(arguments: &[&str]) -> T {
    T::from_args(&["cloudseed"], arguments).unwrap()
}

/// The exit code of a run and what it printed.
fn said(run: impl FnOnce(&mut Vec<u8>) -> std::io::Result<ExitCode>) -> (bool, String) {
    let mut out = Vec::new();
    let code = run(&mut out).unwrap();
    let success = format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS);
    (success, String::from_utf8(out).unwrap())
}

fn decode(arguments: &[&str]) -> (bool, String) {
    said(|out| parse::<Decode>(arguments).run(&mut Nowhere, out))
}

/// A folder with a document that holds a script, a cloud-config, an include of a file, and an include of the web.
fn folder(name: &str) -> (Scratch, String) {
    let scratch = Scratch::new(name);
    let document = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n\
        --B\nContent-Disposition: attachment; filename=\"../a b.sh\"\n\n#!/bin/sh\n\n\
        --B\nLaunch-Index: 1\n\n#cloud-config\npackage: []\n\n\
        --B\n\n#include /included\nhttp://example.com/\n--B--\n";
    fs::write(scratch.0.join("document"), document).unwrap();
    fs::write(scratch.0.join("included"), b"\xff\x1b[2J").unwrap();
    let path = scratch.0.join("document").to_str().unwrap().to_owned();
    (scratch, path)
}

#[test]
fn decode_draws_a_tree() {
    let (scratch, path) = folder("decode-tree");
    let root = scratch.0.to_str().unwrap();
    let expected = "user-data, 229 bytes\n\
        └─ multipart/mixed\n   \
           ├─ 1 text/x-shellscript \"../a b.sh\", 10 bytes\n   \
           ├─ 2 text/cloud-config \"part-002\", 26 bytes\n   \
           └─ text/x-include-url\n      \
              ├─ /included\n      \
              │  └─ 3 text/x-not-multipart \"part-003\", 5 bytes\n      \
              └─ lost: http://example.com/\n";
    assert_eq!(
        decode(&[&path, "--root", root]),
        (false, expected.to_owned())
    );
}

#[test]
fn decode_prints_json() {
    let (scratch, path) = folder("decode-json");
    let root = scratch.0.to_str().unwrap();
    let (_, printed) = decode(&[&path, "--root", root, "--json", "--launch-index", "2"]);
    let document = json::read(printed.as_bytes()).unwrap();
    let parts = document.get("parts").and_then(Value::as_list).unwrap();
    assert_eq!(parts.len(), 2);
    let text = |part: &Value, key| part.get(key).and_then(Value::as_text).map(str::to_owned);
    assert_eq!(text(&parts[0], "content").as_deref(), Some("#!/bin/sh\n"));
    assert_eq!(
        text(&parts[0], "type").as_deref(),
        Some("text/x-shellscript")
    );
    assert_eq!(parts[1].get("number"), Some(&Value::Int(3)));
    assert_eq!(text(&parts[1], "content"), None);
    assert_eq!(
        text(&parts[1], "content_base64").as_deref(),
        Some("/xtbMko=")
    );
    assert_eq!(
        text(&parts[1], "origin").as_deref(),
        Some("user-data > /included")
    );
    assert_eq!(
        document
            .get("warnings")
            .and_then(Value::as_list)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn decode_writes_parts_under_harmless_names() {
    let (scratch, path) = folder("decode-output");
    let output = scratch.0.join("output");
    let (_, _) = decode(&[&path, "--output", output.to_str().unwrap()]);
    assert_eq!(
        fs::read(output.join("001-.._ab.sh")).unwrap(),
        b"#!/bin/sh\n"
    );
    let list = fs::read(output.join("parts.json")).unwrap();
    assert!(json::read(&list).unwrap().get("parts").is_some());
    assert_eq!(fs::read_dir(output).unwrap().count(), 3);
}

#[test]
fn what_make_mime_makes_is_decoded_again() {
    let scratch = Scratch::new("make-mime");
    let script = scratch.0.join("script.sh");
    fs::write(&script, "#!/bin/sh\necho hello\n").unwrap();
    let attach = format!("{}: X-ShellScript", script.display());
    let (success, mime) = said(|out| parse::<MakeMime>(&["-a", &attach]).run(out));
    assert!(success);
    let path = scratch.0.join("mime");
    fs::write(&path, mime).unwrap();
    let (success, tree) = decode(&[path.to_str().unwrap()]);
    assert!(success && tree.contains("1 text/x-shellscript"), "{tree}");
    assert!(tree.contains("21 bytes"), "{tree}");
}

#[test]
fn make_mime_complains_in_the_words_of_the_original() {
    let complaints = |arguments: &[&str]| parse::<MakeMime>(arguments).complaints();
    assert_eq!(complaints(&["-a", "x:cloud-config"]), [""; 0]);
    let words = "content type 'text/foo' for attachment 2 may be incorrect!";
    let end = "Invalid content-types, override with --force";
    let arguments = ["-a", "x:cloud-config", "-a", "y:foo"];
    assert_eq!(complaints(&arguments), [&format!("ERROR: {words}"), end]);
    assert_eq!(
        complaints(&[&arguments[..], &["-f"]].concat()),
        [&format!("WARNING: {words}"), end]
    );
    let wrong = MakeMime::from_args(&["cloudseed"], &["-a", "no colon"])
        .err()
        .unwrap();
    assert!(
        wrong.output.contains("Invalid value for 'no colon'"),
        "{}",
        wrong.output
    );
}

#[test]
fn make_mime_lists_its_types() {
    let (success, list) = said(|out| parse::<MakeMime>(&["--list-types"]).run(out));
    assert!(success);
    let expected = "cloud-boothook cloud-config cloud-config-archive cloud-config-jsonp jinja2 part-handler upstart-job \
        x-include-once-url x-include-url x-shellscript x-shellscript-per-boot x-shellscript-per-instance x-shellscript-per-once";
    assert_eq!(list.lines().collect::<Vec<&str>>().join(" "), expected);
}

#[test]
fn check_says_what_parts_do_and_what_looks_wrong() {
    let (_scratch, path) = folder("check");
    let (success, report) = said(|out| parse::<Check>(&[&path]).run(&mut Nowhere, out));
    assert!(!success);
    for line in [
        "1 text/x-shellscript \"../a b.sh\"\n  runs once per instance, late in the boot, by /bin/sh\n",
        "  ! expected a key that cloud-config has, perhaps \"packages\", but found \"package\"\n",
        "! decode: /included: expected a document, but found ",
    ] {
        assert!(report.contains(line), "{line:?} is not in\n{report}");
    }
}

#[test]
fn a_hyphen_is_standard_input() {
    let script = "#!/bin/sh\n";
    let run = |arguments: &[&str], input: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cloudseed"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        program
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = program.wait_with_output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (success, mime) = run(&["make-mime", "-a", "-:x-shellscript"], script);
    assert!(success, "{mime}");
    let part = "1 text/x-shellscript \"stdin\", 10 bytes";
    for arguments in [&["decode"][..], &["decode", "-"]] {
        let (success, tree) = run(arguments, &mime);
        assert!(success && tree.contains(part), "{tree}");
    }
    for arguments in [&["check"][..], &["check", "-", "--root", "/nonexistent"]] {
        let (success, report) = run(arguments, &mime);
        assert!(
            success && report.contains("runs once per instance"),
            "{report}"
        );
    }
    let (success, json) = run(&["decode", "-", "--json"], script);
    assert!(success && json.contains("\"#!/bin/sh\\n\""), "{json}");
}
