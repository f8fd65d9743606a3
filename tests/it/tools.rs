//! The tools that need no machine: decode, make-mime, check; each on files of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, ExitCode};

use argh::FromArgs;
use cloudseed_core::budget::Budget;
use cloudseed_core::bytes::Bytes;
use cloudseed_core::config::{self, Parts};
use cloudseed_core::instance::Document;
use cloudseed_core::json;
use cloudseed_core::text::printable;
use cloudseed_core::userdata::{Includes, take_apart};
use cloudseed_core::value::Value;
use cloudseed_core::warning::{Blame, Error};

use crate::command::check::{Check, report};
use crate::command::decode::Decode;
use crate::command::make_mime::MakeMime;
use crate::command::platforms::Platforms;
use crate::command::{document, words};
use crate::compile::Scratch;
use crate::formats::Folder;

/// A web without pages.
struct Nowhere;

impl Includes for Nowhere {
    fn get(&mut self, url: &str, _once: bool) -> Result<Bytes, Error> {
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
    assert_eq!(fs::read_dir(&output).unwrap().count(), 3);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&output), mode(&output.join("parts.json"))),
        (0o700, 0o600)
    );
    // A link that lies there is replaced, and what it leads to stays.
    let other = scratch.0.join("other");
    fs::write(&other, "mine").unwrap();
    fs::remove_file(output.join("parts.json")).unwrap();
    symlink(&other, output.join("parts.json")).unwrap();
    let (_, _) = decode(&[&path, "--output", output.to_str().unwrap()]);
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    assert!(
        fs::symlink_metadata(output.join("parts.json"))
            .unwrap()
            .is_file()
    );
    // Nor is anything written through a link that is in the place of the directory.
    symlink(&output, scratch.0.join("link")).unwrap();
    for link in ["link", "link/"] {
        let link = scratch.0.join(link);
        let words = [&*path, "--output", link.to_str().unwrap()];
        let run = parse::<Decode>(&words).run(&mut Nowhere, &mut Vec::new());
        assert!(run.is_err_and(|error| error.to_string().ends_with("found a link")));
    }
}

#[test]
fn decode_shows_addresses_without_what_is_secret() {
    let scratch = Scratch::new("decode-url");
    let path = scratch.0.join("in");
    let url = "http://me:hunter2@example.com/a?sig=hunter2#hunter2";
    fs::write(&path, format!("#include\n{url}\n")).unwrap();
    let (_, said) = decode(&[path.to_str().unwrap()]);
    assert!(said.contains("lost: http://example.com/a?…"), "{said}");
    let (_, said) = decode(&[path.to_str().unwrap(), "--json"]);
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn decode_reads_what_the_agent_would() {
    let scratch = Scratch::new("decode-odd");
    let root = scratch.0.join("root");
    fs::create_dir(&root).unwrap();
    fs::write(scratch.0.join("outside"), "#!/bin/sh\n").unwrap();
    symlink("../outside", root.join("link")).unwrap();
    let pipe = Command::new("mkfifo").arg(root.join("pipe")).status();
    assert!(pipe.unwrap().success());
    let path = scratch.0.join("in");
    fs::write(&path, "#include\n/pipe\n/link\nfile:///../outside\n").unwrap();
    let (well, said) = decode(&[path.to_str().unwrap(), "--root", root.to_str().unwrap()]);
    assert!(!well);
    assert_eq!(said.matches("lost: ").count(), 3, "{said}");
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
fn make_mime_complains_in_the_words_of_cloud_init() {
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
    let expected = "cloud-boothook cloud-config cloud-config-archive cloud-config-jsonp jinja2 part-handler systemd-userdata upstart-job \
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
        "  ! expected a key that cloud-config has, but found \"package\" (did you mean packages?)\n",
        "! decode: /included: expected a document, but found ",
    ] {
        assert!(report.contains(line), "{line:?} is not in\n{report}");
    }
}

/// What check says of a document.
fn checked(document: &[u8]) -> String {
    let mut out = Vec::new();
    report(document, &mut Nowhere, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn check_says_what_a_boot_would_say_when_it_merges() {
    for (document, doubt) in [
        (
            "#cloud-config\nmerge_how: nonsense\nruncmd: []\n",
            "a merger like dict(replace), but found \"nonsense\"",
        ),
        (
            "#cloud-config\nmerge_how: 3\nruncmd: []\n",
            "mergers as text or a list",
        ),
        (
            "#cloud-config\nmerge_type: dict(replace)+set()\nruncmd: []\n",
            "a merger dict, list or str",
        ),
        (
            "#cloud-config-jsonp\n[{\"op\": \"remove\", \"path\": \"/x\"}]\n",
            "a place \"/x\"",
        ),
        (
            "#cloud-config\nmerge_how: dict(replce)+list(append)\nruncmd: []\n",
            "an option that the merger dict has, but found \"replce\" (did you mean replace?)",
        ),
        (
            "#cloud-config\nmerge_how: [{name: list, settings: [first]}]\nruncmd: []\n",
            "an option that the merger list has",
        ),
        ("#cloud-config-jsonp\n[{]\n", "a key in double quotes"),
        ("#cloud-config\n# nothing\n", "a map"),
    ] {
        let said = checked(document.as_bytes());
        assert!(
            said.contains(&format!("expected {doubt}")),
            "{document}: {said}"
        );
        let lines = said.lines().filter(|line| line.contains("! "));
        assert_eq!(lines.count(), 1, "{said}");
    }
    assert!(
        !checked(b"#cloud-config\nmerge_how: list(append)+dict()+str()\nruncmd: []\n")
            .contains("! ")
    );
}

#[test]
fn check_says_what_a_boot_would_say_of_scripts() {
    let mail = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n\
        --B\nContent-Type: text/x-shellscript; name=a\n\n#!\necho\n\
        --B\nContent-Type: text/x-shellscript; name=b\n\n#!/bin/sh\n\
        --B\nContent-Type: text/x-shellscript; name=b\n\n#!/bin/sh\n\
        --B\nContent-Type: text/x-shellscript; name=c\n\n\n#!/bin/sh\n--B--\n";
    let said = checked(mail.as_bytes());
    for doubt in [
        "expected an interpreter behind #!, but found \"#!\"",
        "expected a name of its own, but found part 3 with the same name",
        "expected a script that begins with #!, but found \"\"; #! is in line 2",
    ] {
        assert!(said.contains(doubt), "{doubt}: {said}");
    }
    assert_eq!(
        said.matches("! ").count() - said.matches("#! ").count(),
        3,
        "{said}"
    );
}

/// What a boot would say when it renders, as far as that is the same on every machine.
#[test]
fn check_says_what_a_boot_would_say_of_templates() {
    for (template, doubt) in [
        (
            "#!/bin/sh\n{% if a %}\n",
            "the end of the template instead of",
        ),
        (
            "#!/bin/sh\n{{ v1.region | nope }}\n",
            "`nope`, which is no filter in line 3",
        ),
        (
            "#!/bin/sh\n{{ v1.instance-id }}\n",
            "is written v1.instance_id",
        ),
        (
            "#!/bin/sh\n{{ local-hostname }}\n",
            "is written local_hostname",
        ),
        (
            "#!/bin/sh\n{{ v1.instanceid }}\n",
            "there is `v1.instance_id`",
        ),
        (
            "#!/bin/sh\n{{ nope }}\n",
            "`nope`, which is not there in line 3",
        ),
        ("#cloud-config\na: b: c\n", "a: b: c"),
    ] {
        let said = checked(format!("## template: jinja\n{template}").as_bytes());
        assert!(said.contains(doubt), "{template}: {said}");
        assert_eq!(said.matches("! ").count(), 1, "{said}");
    }
    let well = "## template: jinja\n#!/bin/sh\necho {{ v1.cloud_name }} {{ ds.meta_data.x }} \
        {{ region }} {{ sys_info.platform }} {{ v1['local-hostname'] | upper }}\n";
    assert!(
        !checked(well.as_bytes()).contains("! "),
        "{}",
        checked(well.as_bytes())
    );
}

/// Whatever a boot warns of in a document of `tests/userdata`, check tells in the same words, or of the same expectation.
#[test]
fn check_knows_no_less_than_a_boot() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/userdata");
    let mut warned = 0;
    for folder in fs::read_dir(fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let Ok(document) = fs::read(folder.join("in")) else {
            continue;
        };
        let mut includes = Folder(folder.clone());
        let decoded = take_apart(
            document.as_slice(),
            "user-data",
            &mut includes,
            &Budget::new(),
        );
        let parts = Parts {
            document: Document::UserData,
            parts: decoded.parts,
        };
        let (_, merged) = config::merge(vec![parts], &Value::Null, &Budget::new());
        let mut out = Vec::new();
        report(&document, &mut includes, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        for warning in decoded.warnings.iter().chain(&merged) {
            let whole = warning.whole();
            let (from, to) = (whole.find("expected "), whole.find(", but found"));
            let expected = printable(&whole[from.unwrap()..to.unwrap()]);
            assert!(said.contains(&expected), "{folder:?}: {warning}\n{said}");
            warned += 1;
        }
    }
    assert!(warned > 50, "{warned}");
}

/// The program's words as `main` has them: two commands suffice.
/// tools
#[allow(dead_code)]
#[derive(FromArgs, Debug)]
struct Tools {
    #[argh(subcommand)]
    #[expect(dead_code, reason = "only whether the words are understood is asked")]
    tool: Tool,
}

#[allow(dead_code)]
#[derive(FromArgs)]
#[argh(subcommand)]
enum Tool {
    #[expect(dead_code, reason = "likewise")]
    Check(Check),
    #[expect(dead_code, reason = "likewise")]
    MakeMime(MakeMime),
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Tool::Check(_) => "check",
            Tool::MakeMime(_) => "make-mime",
        })
    }
}

#[test]
fn a_mistyped_word_is_answered_with_the_nearest_right_one() {
    for (words, meant) in [
        (&["chekc", "x"][..], Some("check")),
        (&["makemime"], Some("make-mime")),
        (&["check", "x", "--inclued"], Some("--include")),
        (&["check", "--root=/x"], Some("--root /x")),
        (&["make-mime", "--atach", "x:y"], Some("--attach")),
        (&["xyzzy"], None),
        (&["check", "--xyzzy"], None),
    ] {
        let refused = words::parse::<Tools>("cloudseed", words).unwrap_err();
        assert!(refused.status.is_err());
        let hint = meant.map(|meant| format!("did you mean `{meant}`?\n"));
        let hint = hint.unwrap_or_default();
        assert!(
            refused.output.starts_with("Unrecognized argument: "),
            "{words:?}"
        );
        let second = refused.output.split_once('\n').unwrap().1;
        assert_eq!(second, hint, "{words:?}");
    }
    let help = words::parse::<Tools>("cloudseed", &["check", "--help"]).unwrap_err();
    assert!(help.status.is_ok() && help.output.contains("--include"));
    let refused = parse::<Platforms>(&["Hetzer"]).shown().unwrap_err();
    assert!(refused.ends_with("(did you mean Hetzner?)"), "{refused}");
}

#[test]
fn a_hyphen_alone_is_a_file() {
    for arguments in [
        &["check", "-"][..],
        &["check", "-", "--include"],
        &["check", "--root", "-", "-"],
        &["make-mime", "-a", "-:x-shellscript"],
    ] {
        assert!(
            words::parse::<Tools>("cloudseed", arguments).is_ok(),
            "{arguments:?}"
        );
    }
    assert!(words::parse::<Tools>("cloudseed", &["make-mime", "-"]).is_err());
}

#[test]
fn a_file_that_is_missing_is_said_plainly() {
    let missing = document::read("/nonexistent/x").unwrap_err().to_string();
    assert_eq!(missing, "/nonexistent/x: there is no such file");
    let directory = document::read("/").unwrap_err().to_string();
    assert_eq!(directory, "/: this is a directory, not a file");
}
