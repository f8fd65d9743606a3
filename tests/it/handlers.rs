//! Part handlers: Python from the user-data, called on the real root as cloud-init would.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cloudseed_core::userdata::Part;

use crate::compile::{Scratch, part};
use crate::shell::{prepare, run};

/// A handler that notes its calls: the name of the handler, the type, the name, the payload, and what its version adds.
fn handler(number: u32, name: &str, types: &str, more: &str) -> Part {
    let text = format!(
        "#part-handler\nimport os\n{more}\n\
         def list_types():\n    return [{types}]\n\
         def handle_part(data, ctype, filename, payload, *rest):\n    \
             with open(os.environ['OUT'], 'a') as out:\n        \
                 print('{name}', ctype, filename, repr(payload), *rest, file=out)\n"
    );
    part(number, "text/part-handler", &format!("{name}.py"), &text)
}

fn calls(root: &Path) -> Vec<String> {
    let path = root.join("out");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(&path);
    text.lines().map(String::from).collect()
}

fn early(root: &Path) -> Output {
    run(&["dash"], root, "early")
}

#[test]
fn every_version_gets_its_arguments() {
    let scratch = Scratch::new("handlers-versions");
    let root = scratch.0.as_path();
    let user = vec![
        part(1, "text/mine", "before", "not seen"),
        handler(2, "one", "'text/one'", ""),
        handler(
            3,
            "two",
            "'text/two'",
            "handler_version = 2\nfrequency = 'always'",
        ),
        handler(
            4,
            "three",
            "'text/mine', 'image/png'",
            "handler_version = 3",
        ),
        part(5, "text/one", "a", "1"),
        part(6, "text/two", "b", "2"),
        part(7, "image/png", "c", "3"),
        part(8, "text/other", "d", "nobody's"),
    ];
    prepare(root, "i-1", user.clone(), Vec::new());
    let output = early(root);
    assert!(output.status.success(), "{output:?}");
    let begun = "{'Content-Type': '__begin__'}";
    let ended = "{'Content-Type': '__end__'}";
    let first = [
        "one __begin__ None None",
        "two __begin__ None None once-per-instance",
        &format!("three __begin__ None None once-per-instance {begun}"),
        "one text/one a '1'",
        "two text/two b '2' once-per-instance",
        "three image/png c b'3' once-per-instance {'X-Mine': 'é \"1\"', 'Content-Type': 'image/png'}",
        "one __end__ None None",
        "two __end__ None None once-per-instance",
        &format!("three __end__ None None once-per-instance {ended}"),
    ];
    assert_eq!(calls(root), first);
    prepare(root, "i-1", user, Vec::new());
    assert!(early(root).status.success());
    let later = [
        "two __begin__ None None always",
        "two text/two b '2' always",
        "two __end__ None None always",
    ];
    assert_eq!(calls(root), later, "a second boot of one instance");
}

#[test]
fn a_handler_takes_its_type_from_us() {
    let scratch = Scratch::new("handlers-taken");
    let root = scratch.0.as_path();
    let script = "#!/bin/sh\necho script $0 >>\"$OUT\"\n";
    let user = vec![
        part(1, "text/x-shellscript", "before", script),
        handler(2, "mine", "'text/x-shellscript', 'text/cloud-boothook'", ""),
        part(3, "text/x-shellscript", "after", "x"),
        part(4, "text/cloud-boothook", "hook", "y"),
    ];
    let vendor = vec![part(1, "text/x-shellscript", "vendor", script)];
    prepare(root, "i-1", user, vendor);
    assert!(early(root).status.success());
    assert_eq!(
        calls(root)[1..3],
        [
            "mine text/x-shellscript after 'x'",
            "mine text/cloud-boothook hook 'y'"
        ]
    );
    let output = run(&["busybox", "sh"], root, "final");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("a part handler has taken part 3\n"), "{said}");
    let ran = calls(root).join("\n");
    assert!(
        ran.contains("-before") && ran.contains("-vendor") && !ran.contains("after"),
        "{ran}"
    );
}

#[test]
fn a_broken_handler_costs_itself() {
    let scratch = Scratch::new("handlers-broken");
    let root = scratch.0.as_path();
    let user = vec![
        part(1, "text/part-handler", "syntax.py", "def ("),
        part(
            2,
            "text/part-handler",
            "exit.py",
            "import sys\nsys.exit(0)\n",
        ),
        handler(3, "nine", "'text/a'", "handler_version = 9"),
        handler(4, "good", "'text/b'", "frequency = 'always'"),
        part(5, "text/b", "../../etc/passwd", "1"),
        part(
            6,
            "text/cloud-boothook",
            "hook",
            "#!/bin/sh\necho hook >>\"$OUT\"\n",
        ),
    ];
    prepare(root, "i-1", user, Vec::new());
    let output = early(root);
    assert_eq!(output.status.code(), Some(1));
    let expected = [
        "good __begin__ None None",
        "good text/b ../../etc/passwd '1'",
        "good __end__ None None",
        "hook",
    ];
    assert_eq!(calls(root), expected);
    let said = String::from_utf8(output.stdout).unwrap();
    for words in [
        "part 1 (syntax.py) cannot be used",
        "part 2 (exit.py) cannot be used",
        "expected handler_version 1, 2 or 3, but found 9",
        "early: 1 of 3 failed: handlers.py\n",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}

#[test]
fn without_python_it_says_so_and_goes_on() {
    let scratch = Scratch::new("handlers-python");
    let root = scratch.0.as_path();
    let hook = "#!/bin/sh\necho hook >>\"$OUT\"\n";
    let user = vec![
        handler(1, "h", "'text/a'", ""),
        part(2, "text/cloud-boothook", "hook", hook),
    ];
    prepare(root, "i-1", user, Vec::new());
    let tools = root.join("tools");
    fs::create_dir(&tools).unwrap();
    for tool in ["mkdir", "mkfifo", "tee", "rm"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{tool}"), tools.join(tool)).unwrap();
    }
    let output = Command::new("/bin/sh")
        .arg(root.join("run/cloudseed/run"))
        .args(["early", "--root"])
        .arg(root)
        .env("PATH", &tools)
        .env("OUT", root.join("out"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("handlers.py: expected python3 for the part handlers, but found none"),
        "{said}"
    );
    assert_eq!(calls(root), ["hook"]);
}

#[test]
fn handlers_of_the_image_are_there_before_the_first_part() {
    let scratch = Scratch::new("handlers-image");
    let root = scratch.0.as_path();
    let folder = root.join("var/lib/cloud/handlers");
    fs::create_dir_all(&folder).unwrap();
    let own = handler(0, "own", "'text/x-shellscript'", "");
    fs::write(folder.join("own.py"), &*own.content).unwrap();
    let script = part(1, "text/x-shellscript", "a", "#!/bin/sh\n");

    // Without a handler among the parts there is no Python to call.
    prepare(root, "i-1", vec![script.clone()], Vec::new());
    let said = String::from_utf8(early(root).stdout).unwrap();
    assert!(
        said.contains("own.py: not called, for no part is a handler"),
        "{said}"
    );
    assert!(calls(root).is_empty());

    let user = vec![script, handler(2, "two", "'text/two'", "")];
    prepare(root, "i-2", user, Vec::new());
    assert!(early(root).status.success());
    let expected = [
        "own __begin__ None None",
        "own text/x-shellscript a '#!/bin/sh\\n'",
        "two __begin__ None None",
        "own __end__ None None",
        "two __end__ None None",
    ];
    assert_eq!(calls(root), expected);
}

#[test]
fn odd_entries_of_the_image_cost_themselves() {
    let scratch = Scratch::new("handlers-odd");
    let root = scratch.0.as_path();
    let folder = root.join("var/lib/cloud/handlers");
    fs::create_dir_all(folder.join("a.py")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.join("b.py")).unwrap();
    let user = vec![handler(1, "h", "'text/a'", ""), part(2, "text/a", "a", "1")];
    prepare(root, "i-1", user, Vec::new());
    let output = early(root);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    for odd in ["a.py cannot be read", "b.py cannot be read"] {
        assert!(said.contains(odd), "{said}");
    }
    assert!(calls(root).contains(&String::from("h text/a a '1'")));
}

#[test]
fn a_handler_that_leaves_is_told() {
    let scratch = Scratch::new("handlers-leave");
    let root = scratch.0.as_path();
    let user = vec![
        handler(1, "gone", "'text/a'", "raise KeyboardInterrupt"),
        handler(2, "h", "'text/a'", ""),
        part(3, "text/a", "a", "1"),
    ];
    prepare(root, "i-1", user, Vec::new());
    let output = early(root);
    assert_eq!(output.status.code(), Some(1));
    assert!(calls(root).contains(&String::from("h text/a a '1'")));

    let user = vec![handler(1, "gone", "'text/a'", "os._exit(0)")];
    prepare(root, "i-2", user, Vec::new());
    let output = early(root);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("ended before all handlers were called"),
        "{said}"
    );
}

#[test]
fn no_traceback_shows_a_file_that_a_part_is_named_after() {
    let scratch = Scratch::new("handlers-traceback");
    let root = scratch.0.as_path();
    let secret = root.join("secret");
    fs::write(&secret, "hunter2\nhunter2\nhunter2\n").unwrap();
    let text = "#part-handler\n\nraise ValueError('x')\n";
    let user = vec![part(1, "text/part-handler", secret.to_str().unwrap(), text)];
    prepare(root, "i-1", user, Vec::new());
    let said = String::from_utf8(early(root).stdout).unwrap();
    assert!(
        said.contains("ValueError: x") && !said.contains("hunter2"),
        "{said}"
    );
}
