//! The program that executes the plan on the real root, in every shell at hand.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use cloudseed_core::compile::systemd::NAMES_UNITS;
use cloudseed_core::compile::{Ending, compile};
use cloudseed_core::config::Parts;
use cloudseed_core::instance::Document;
use cloudseed_core::userdata::Part;

use crate::compile::{Boot, Scratch, instance, outcome, part, write};

/// The shells of Debian, of small systems, and of those who have but one.
pub const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// Writes the plan of an instance with these parts below `root`.
pub fn prepare(root: &Path, id: &str, user: Vec<Part>, vendor: Vec<Part>) {
    let parts = vec![
        Parts {
            document: Document::UserData,
            parts: user,
        },
        Parts {
            document: Document::VendorData,
            parts: vendor,
        },
    ];
    let boot = Boot::new(instance(id), parts);
    write(root, &compile(&outcome(boot.found())).0);
}

/// Executes one stage below `root`.
pub fn run(shell: &[&str], root: &Path, stage: &str) -> Output {
    command(shell, root, stage).output().unwrap()
}

fn command(shell: &[&str], root: &Path, stage: &str) -> Command {
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .arg(root.join("run/cloudseed/run"))
        .args([stage, "--root"])
        .arg(root)
        .env("OUT", root.join("out"));
    command
}

/// What the scripts have noted since the last look, a word each.
fn noted(root: &Path) -> Vec<String> {
    let path = root.join("out");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(&path);
    text.lines().map(String::from).collect()
}

fn script(number: u32, kind: &str, name: &str) -> Part {
    let text =
        format!("#!/bin/sh\necho '{number}' >>\"$OUT\"\necho out{number}\necho err{number} >&2\n");
    part(number, &format!("text/{kind}"), name, &text)
}

fn every_kind() -> Vec<Part> {
    vec![
        script(1, "x-shellscript", "b"),
        script(2, "x-shellscript", "a"),
        script(3, "x-shellscript-per-boot", "p"),
        script(4, "x-shellscript-per-once", "p"),
        script(5, "x-shellscript-per-instance", "p"),
        part(
            6,
            "text/cloud-boothook",
            "z",
            "#cloud-boothook\n#!/bin/sh\necho \"6 $INSTANCE_ID\" >>\"$OUT\"\n",
        ),
        script(7, "cloud-boothook", "a"),
        part(8, "text/cloud-config", "c", "#cloud-config\n"),
    ]
}

#[test]
fn each_group_runs_when_it_is_due() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("due-{}", shell[0]));
        let root = scratch.0.as_path();
        let vendor = || vec![script(1, "x-shellscript", "v")];
        prepare(root, "i-1", every_kind(), vendor());
        let early = run(shell, root, "early");
        assert!(early.status.success(), "{early:?}");
        assert_eq!(noted(root), ["6 i-1", "7"]);
        let last = run(shell, root, "final");
        assert!(last.status.success(), "{last:?}");
        // The vendor's script has the number after user-data's eight, but prints its own.
        assert_eq!(noted(root), ["1", "4", "3", "5", "2", "1"]);
        let said = String::from_utf8(last.stdout).unwrap();
        for word in [
            "out1\n",
            "err5\n",
            "cloudseed: final: 6 done\n",
            "009-v, part 9\n",
        ] {
            assert!(said.contains(word), "{word:?} in {said}");
        }
        assert!(scratch.text("var/log/cloudseed-output.log").contains(&said));
        assert_eq!(scratch.text("run/cloudseed/ran-final"), "0 of 6 failed\n");

        prepare(root, "i-1", every_kind(), vendor());
        run(shell, root, "early");
        assert_eq!(noted(root), ["6 i-1", "7"], "boothooks run at each boot");
        run(shell, root, "final");
        assert_eq!(noted(root), ["3"], "a second boot of one instance");

        prepare(root, "i-2", every_kind(), vendor());
        run(shell, root, "final");
        assert_eq!(
            noted(root),
            ["1", "3", "5", "2", "1"],
            "the first boot of another"
        );
    }
}

#[test]
fn failures_are_counted_and_stop_nothing() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("failures-{}", shell[0]));
        let root = scratch.0.as_path();
        let user = vec![
            part(1, "text/x-shellscript", "a", "#!/bin/sh\nexit 3\n"),
            part(2, "text/x-shellscript", "b", "echo no interpreter\n"),
            part(3, "text/x-shellscript", "c", "#!/nowhere/sh\n"),
            part(4, "text/x-shellscript", "d", "#!/bin/sh\nkill -9 $$\n"),
            script(5, "x-shellscript", "e"),
        ];
        prepare(root, "i-1", user, Vec::new());
        let output = run(shell, root, "final");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(noted(root), ["5"]);
        let said = String::from_utf8(output.stdout).unwrap();
        for words in [
            "final: 001-a: exit status 3\n",
            "final: 002-b: expected a first line #!INTERPRETER, but found none\n",
            "final: 003-c: exit status 127\n",
            "final: 004-d: exit status 137\n",
            "final: 4 of 5 failed: 001-a 002-b 003-c 004-d\n",
        ] {
            assert!(said.contains(words), "{words:?} in {said}");
        }
        let again = run(shell, root, "final");
        assert!(again.status.success(), "what failed is not tried again");
    }
}

#[test]
fn a_boothook_that_hangs_is_ended() {
    // Its minutes are a second here.
    let limit = "#!/bin/sh\n[ $3 = 1 ] || echo \"$3\" >>\"$OUT\"\nshift 3\nexec /usr/bin/timeout -s KILL 1 \"$@\"\n";
    for shell in [SHELLS[0], SHELLS[2]] {
        let scratch = Scratch::new(&format!("hangs-{}", shell[0]));
        let root = scratch.0.as_path();
        let hangs = "#!/bin/sh\ntrap '' TERM\nsleep 1000\nsleep 1000\n";
        let user = vec![
            part(1, "text/cloud-boothook", "a", hangs),
            script(2, "cloud-boothook", "b"),
        ];
        prepare(root, "i-1", user, Vec::new());
        // A part handler has no more time.
        fs::write(
            root.join("run/cloudseed/plan/handlers.py"),
            "import time\ntime.sleep(1000)\n",
        )
        .unwrap();
        let tools = root.join("tools");
        fs::create_dir(&tools).unwrap();
        fs::write(tools.join("timeout"), limit).unwrap();
        fs::set_permissions(tools.join("timeout"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = command(shell, root, "early");
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let output = command.env("PATH", path).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("early: 001-a: exit status 137\n"), "{said}");
        assert!(
            said.contains("early: 2 of 4 failed: handlers.py 001-a\n"),
            "{said}"
        );
        assert_eq!(noted(root), ["240", "240", "240", "2"]);
    }
}

#[test]
fn accounts_are_made_once_and_for_each_password_from_outside() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("reset-{}", shell[0]));
        let root = scratch.0.as_path();
        prepare(root, "i-1", Vec::new(), Vec::new());
        let plan = root.join("run/cloudseed/plan");
        fs::write(plan.join("setup.sh"), "echo made >>\"$OUT\"\n").unwrap();
        // The server tells a password until somebody has taken it, and another one later.
        for (reset, made) in [
            ("", 1),
            ("", 0),
            ("one", 1),
            ("one", 0),
            ("", 0),
            ("two", 1),
            ("two", 0),
        ] {
            let _ = fs::remove_file(plan.join("reset"));
            if !reset.is_empty() {
                fs::write(plan.join("reset"), format!("{reset}\n")).unwrap();
            }
            assert!(run(shell, root, "early").status.success());
            assert_eq!(noted(root).len(), made, "{shell:?}: {reset:?}");
        }
    }
}

/// What cannot be done is not tried again: that would undo at each boot what was changed by hand since.
#[test]
fn a_setup_that_failed_is_not_repeated_and_one_that_was_cut_is() {
    for shell in SHELLS {
        for (end, made) in [("exit 1", 0), ("kill -9 $$", 1)] {
            let scratch = Scratch::new(&format!("setup-{}", shell[0]));
            let root = scratch.0.as_path();
            prepare(root, "i-1", Vec::new(), Vec::new());
            let setup = format!("echo made >>\"$OUT\"\n{end}\n");
            fs::write(root.join("run/cloudseed/plan/setup.sh"), setup).unwrap();
            assert_eq!(run(shell, root, "early").status.code(), Some(1));
            assert_eq!(noted(root), ["made"]);
            run(shell, root, "early");
            assert_eq!(noted(root).len(), made, "{shell:?}: {end}");
        }
    }
}

/// What is more than fits goes to the console alone, and what a killed stage has printed is there.
#[test]
fn the_log_has_an_end() {
    const MOST: u64 = 4 << 20;
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("log-{}", shell[0]));
        let root = scratch.0.as_path();
        let loud = "#!/bin/sh\nhead -c 5000000 /dev/zero | tr '\\0' x\n";
        let user = vec![
            part(1, "text/x-shellscript", "a", loud),
            script(2, "x-shellscript", "b"),
        ];
        prepare(root, "i-1", user, Vec::new());
        let log = root.join("var/log/cloudseed-output.log");
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        for (id, old) in [("i-1", 0), ("i-2", MOST)] {
            let instance = root.join("run/cloudseed/plan/instance-id");
            fs::write(instance, format!("{id}\n{id}\n")).unwrap();
            let output = run(shell, root, "final");
            assert!(output.status.success() && output.stdout.len() > 5_000_000);
            assert_eq!(noted(root), ["2"]);
            assert_eq!(size(&log), MOST, "{shell:?}");
            assert_eq!(size(&log.with_extension("log.old")), old, "{shell:?}");
        }
    }
}

/// A configuration that takes in no folder has the word in front, once.
#[test]
fn sshd_is_told_where_it_reads() {
    let rest = "# the image's\nPasswordAuthentication yes\nMatch User a\n";
    for shell in SHELLS {
        for (config, expected, folder) in [
            (
                rest.to_string(),
                format!("PasswordAuthentication no\n{rest}"),
                false,
            ),
            (
                format!("PasswordAuthentication yes\n{rest}"),
                format!("PasswordAuthentication no\n{rest}"),
                false,
            ),
            (
                format!("include /etc/ssh/sshd_config.d/*.conf\n{rest}"),
                format!("include /etc/ssh/sshd_config.d/*.conf\n{rest}"),
                true,
            ),
            (String::new(), "PasswordAuthentication no\n".into(), false),
        ] {
            let scratch = Scratch::new(&format!("sshd-{}", shell[0]));
            let root = scratch.0.as_path();
            fs::create_dir_all(root.join("etc/ssh/sshd_config.d")).unwrap();
            fs::write(root.join("etc/ssh/sshd_config"), &config).unwrap();
            fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
            let asks = part(
                1,
                "text/cloud-config",
                "c",
                "#cloud-config\nssh_pwauth: false\n",
            );
            prepare(root, "i-1", vec![asks], Vec::new());
            let output = run(shell, root, "early");
            assert!(output.status.success(), "{output:?}");
            assert_eq!(scratch.text("etc/ssh/sshd_config"), expected, "{shell:?}");
            let own = root.join("etc/ssh/sshd_config.d/10-cloudseed.conf");
            assert_eq!(own.exists(), folder, "{config}");
        }
    }
}

#[test]
fn what_was_begun_and_not_finished_is_told() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("begun-{}", shell[0]));
        let root = scratch.0.as_path();
        let user = vec![
            part(1, "text/x-shellscript", "a", "#!/bin/sh\nkill -9 $PPID\n"),
            script(2, "x-shellscript", "b"),
        ];
        prepare(root, "i-1", user, Vec::new());
        assert!(!run(shell, root, "final").status.success());
        let marks = root.join("var/lib/cloudseed/instances/i-1");
        assert!(marks.join("user.begun").exists() && !marks.join("user").exists());
        let again = run(shell, root, "final");
        assert_eq!(again.status.code(), Some(1));
        let said = String::from_utf8(again.stdout).unwrap();
        assert!(
            said.contains("final: user: begun before and not finished"),
            "{said}"
        );
        assert_eq!(noted(root), [""; 0]);
    }
}

#[test]
fn two_at_once_run_a_script_once() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("twice-{}", shell[0]));
        let root = scratch.0.as_path();
        prepare(
            root,
            "i-1",
            vec![script(1, "x-shellscript", "a")],
            Vec::new(),
        );
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| run(shell, root, "final"));
            }
        });
        assert_eq!(noted(root), ["1"]);
    }
}

#[test]
fn hostile_names_are_only_names() {
    let names = [
        "../../etc/passwd",
        "$(touch pwned)",
        "`touch pwned`",
        "-rf",
        "a; touch pwned",
        "a\nb\tc",
        "*",
        "' \" \\",
        "é",
        "",
    ];
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("names-{}", shell[0]));
        let root = scratch.0.as_path();
        let user = (1..)
            .zip(names)
            .map(|(number, name)| script(number, "x-shellscript", name));
        prepare(root, "a$(touch${IFS}pwned)'\"*", user.collect(), Vec::new());
        let output = run(shell, root, "final");
        assert!(output.status.success(), "{output:?}");
        let mut numbers = noted(root);
        numbers.sort_by_key(|number| number.parse::<u32>().unwrap());
        // `*` and `' " \` and `é` have nothing left and go by their numbers.
        assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
        assert!(!Path::new("/pwned").exists() && !root.join("pwned").exists());
    }
}

#[test]
fn interpreters_get_what_the_kernel_would_give_them() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("interpreters-{}", shell[0]));
        let root = scratch.0.as_path();
        let python = "import os,sys\nopen(os.environ['OUT'],'a').write(f'{sys.flags.dont_write_bytecode} {len(sys.argv)}\\n')\n";
        let user = vec![
            part(
                1,
                "text/x-shellscript",
                "a",
                "#!/bin/sh -e\nfalse\necho on >>\"$OUT\"\n",
            ),
            part(
                2,
                "text/x-shellscript",
                "b",
                "#! /usr/bin/env  sh\r\necho env >>\"$OUT\"\r\n",
            ),
            part(
                3,
                "text/x-shellscript",
                "c",
                &format!("#!/usr/bin/python3 -B\n{python}"),
            ),
            part(
                4,
                "text/x-shellscript",
                "d",
                &format!("#!/usr/bin/env python3 -B\n{python}"),
            ),
            part(
                5,
                "text/x-shellscript",
                "e",
                "#!/bin/sh\npwd >>\"$OUT\"\ncat >>\"$OUT\"\n",
            ),
            part(
                6,
                "text/x-shellscript",
                "f",
                "#!/usr/bin/awk -f\nBEGIN { print \"awk\" >>ENVIRON[\"OUT\"] }\n",
            ),
        ];
        prepare(root, "i-1", user, Vec::new());
        let output = run(shell, root, "final");
        assert_eq!(noted(root), ["env", "1 1", "/", "awk"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("2 of 6 failed: 001-a 004-d\n"), "{said}");
    }
}

#[test]
fn a_daemon_holds_nothing_up() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("daemon-{}", shell[0]));
        let root = scratch.0.as_path();
        let text = "#!/bin/sh\necho started\nsleep 20 &\necho $! >>\"$OUT\"\n";
        prepare(
            root,
            "i-1",
            vec![part(1, "text/x-shellscript", "a", text)],
            Vec::new(),
        );
        let started = Instant::now();
        // To a file: whoever waited for the end of a pipe would wait for the daemon.
        let said = fs::File::create(root.join("said")).unwrap();
        let status = Command::new(shell[0])
            .args(&shell[1..])
            .arg(root.join("run/cloudseed/run"))
            .args(["final", "--root"])
            .arg(root)
            .env("OUT", root.join("out"))
            .stdout(said)
            .status()
            .unwrap();
        assert!(status.success());
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
        assert!(
            scratch.text("said").ends_with("final: 1 done\n"),
            "{}",
            scratch.text("said")
        );
        for daemon in noted(root) {
            assert!(Command::new("kill").arg(daemon).status().unwrap().success());
        }
    }
}

#[test]
fn without_var_the_marks_are_in_run() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("var-{}", shell[0]));
        let root = scratch.0.as_path();
        fs::write(root.join("var"), "no directory").unwrap();
        prepare(
            root,
            "i-1",
            vec![script(1, "x-shellscript", "a")],
            Vec::new(),
        );
        assert!(run(shell, root, "final").status.success());
        assert!(run(shell, root, "final").status.success());
        assert_eq!(noted(root), ["1"]);
        assert!(root.join("run/cloudseed.state/instances/i-1/user").exists());
        let state = fs::read_dir(root.join("run/cloudseed.state")).unwrap();
        let names = state.map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| name == "output.log"));
    }
}

#[test]
fn with_nothing_to_do_it_says_so() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("nothing-{}", shell[0]));
        let root = scratch.0.as_path();
        write(root, &compile(&outcome(Ending::None)).0);
        let output = run(shell, root, "final");
        assert!(output.status.success());
        assert_eq!(output.stdout, b"cloudseed: final: nothing to do\n");
        assert_eq!(run(shell, root, "late").status.code(), Some(2));
        assert_eq!(fs::read_dir(root).unwrap().count(), 1, "only run");
    }
}

/// What an initramfs of Debian leaves: /run mounted noexec. Needs the rights to mount, as the test machine gives them.
#[test]
fn a_noexec_run_is_no_obstacle() {
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("noexec-{}", shell[0]));
        let root = scratch.0.as_path();
        prepare(root, "i-1", every_kind(), Vec::new());
        let script = "mount -t tmpfs -o noexec,nosuid,nodev none \"$1/mnt\" && cp -r \"$1/run\" \"$1/mnt/\" || exit 77
            chmod 755 \"$1/mnt/run/cloudseed/plan/\"*
            ! \"$1\"/mnt/run/cloudseed/plan/*-user-a 2>/dev/null || exit 78
            shift
            exec \"$@\"";
        fs::create_dir(root.join("mnt")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(root)
            .args(shell);
        command
            .arg(root.join("mnt/run/cloudseed/run"))
            .args(["final", "--root"])
            .arg(root)
            .env("OUT", root.join("out"));
        let output = command.output().unwrap();
        if output.status.code() == Some(77)
            || String::from_utf8_lossy(&output.stderr).contains("unshare failed")
        {
            eprintln!("not checked: no right to mount here");
            return;
        }
        assert!(output.status.success(), "{output:?}");
        assert_eq!(noted(root), ["4", "3", "5", "2", "1"]);
    }
}

/// What systemd makes of an `EnvironmentFile=` line in double quotes: a backslash goes away before these four only.
fn as_systemd(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.split_once('=')?;
    let mut letters = value
        .strip_prefix('"')?
        .strip_suffix('"')?
        .chars()
        .peekable();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next @ ('"' | '\\' | '$' | '`')) if letter == '\\' => {
                text.push(*next);
                letters.next();
            }
            _ => text.push(letter),
        }
    }
    Some((key, text))
}

#[test]
fn shells_and_systemd_read_the_same_environment() {
    let source = "https://x/?a=$HOME&b=`id`&c=$(id)\"'\\\\ \\n # ; é ~ *";
    let mut instance = instance("i-1");
    instance.source.place = String::from(source);
    instance.region = Some(String::from("a\nCLOUDSEED_STATUS=\"bad\""));
    let boot = Boot::new(instance, Vec::new());
    let (plan, _) = compile(&outcome(boot.found()));
    let scratch = Scratch::new("environment");
    write(&scratch.0, &plan);
    let text = scratch.text("run/cloudseed/metadata.env");
    let read: Vec<(&str, String)> = text.lines().filter_map(as_systemd).collect();
    assert_eq!(read.len(), text.lines().count());
    assert!(read.contains(&("CLOUDSEED_SOURCE", String::from(source))));
    assert!(!text.contains("bad"));
    for shell in SHELLS {
        for (key, value) in &read {
            let script = format!(". \"$1\" && printf %s \"${key}\"");
            let mut command = Command::new(shell[0]);
            command.args(&shell[1..]).args(["-c", &script, "sh"]);
            command.arg(scratch.0.join("run/cloudseed/metadata.env"));
            let output = command.output().unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).as_deref(),
                Ok(value.as_str()),
                "{key}"
            );
        }
    }
}

/// An account, a key and a name in every shell: on a root that has others already, and once more for another instance.
#[test]
fn accounts_are_made_once_and_keep_what_is_there() {
    let config = "#cloud-config\nhostname: web-1.example\nssh_authorized_keys: [ssh-ed25519 BBBB b]\nuser: old\nusers:\n\
         - {name: new, gecos: A New One, groups: 'sudo, games', sudo: 'ALL=(ALL) NOPASSWD:ALL', shell: /bin/sh, \
         ssh_authorized_keys: [ssh-ed25519 CCCC c], lock_passwd: false, passwd: $6$x$y}\n- 'Not A Name'\n\
         - {name: lost, ssh_authorized_keys: [ssh-ed25519 EEEE e]}\n";
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("accounts-{}", shell[0]));
        let root = scratch.0.as_path();
        fs::create_dir_all(root.join("etc/sudoers.d")).unwrap();
        for (file, text) in [
            (
                "passwd",
                "root:x:0:0:root:/root:/bin/sh\nlost:x:77:78::/home/lost:/bin/sh\nold:x:0:0::/home/old:/bin/sh",
            ),
            ("group", "root:x:0:\nsudo:x:27:\ngames:x:60:root\n"),
            ("shadow", "root:*:1::::::\n"),
            ("hostname", "localhost\n"),
        ] {
            fs::write(root.join("etc").join(file), text).unwrap();
        }
        fs::create_dir_all(root.join("home/old/.ssh")).unwrap();
        let keys = "home/old/.ssh/authorized_keys";
        fs::write(root.join(keys), "ssh-ed25519 DDDD mine\n").unwrap();
        let user = || vec![part(1, "text/cloud-config", "c", config)];
        for id in ["i-1", "i-1", "i-2"] {
            prepare(root, id, user(), Vec::new());
            let early = run(shell, root, "early");
            assert!(early.status.success(), "{early:?}");
        }
        assert_eq!(
            scratch.text("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nlost:x:77:78::/home/lost:/bin/sh\nold:x:0:0::/home/old:/bin/sh\nnew:x:1000:1000:A New One:/home/new:/bin/sh\n"
        );
        assert_eq!(
            scratch.text("etc/group"),
            "root:x:0:\nsudo:x:27:new\ngames:x:60:root,new\nnew:x:1000:\n"
        );
        assert!(scratch.text("etc/shadow").contains("\nnew:$6$x$y:"));
        assert_eq!(scratch.text("etc/hostname"), "web-1\n");
        assert_eq!(
            scratch.text(keys),
            "ssh-ed25519 DDDD mine\nssh-ed25519 AAAA me@here\nssh-ed25519 BBBB b\n"
        );
        assert_eq!(
            scratch.text("home/new/.ssh/authorized_keys"),
            "ssh-ed25519 CCCC c\n"
        );
        for path in ["home/lost", "home/lost/.ssh/authorized_keys"] {
            let found = fs::metadata(root.join(path)).unwrap();
            assert_eq!((found.uid(), found.gid()), (77, 78), "{path}");
        }
        assert_eq!(
            scratch.text("etc/sudoers.d/90-cloudseed-users"),
            "new ALL=(ALL) NOPASSWD:ALL\n"
        );
    }
}

/// passwd(5): without an /etc/shadow, as on many an embedded root, hashes are in /etc/passwd.
#[test]
fn without_a_shadow_hashes_are_in_passwd() {
    let config = "#cloud-config\nusers:\n- {name: bob, lock_passwd: false, passwd: $6$b$b}\n- {name: eve}\n\
         chpasswd:\n  users:\n  - {name: root, password: $6$salt$hash}\n";
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("shadowless-{}", shell[0]));
        let root = scratch.0.as_path();
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        prepare(
            root,
            "i-1",
            vec![part(1, "text/cloud-config", "c", config)],
            Vec::new(),
        );
        let early = command(shell, root, "early").output().unwrap();
        assert!(early.status.success(), "{early:?}");
        assert_eq!(
            scratch.text("etc/passwd"),
            "root:$6$salt$hash:0:0:root:/root:/bin/sh\nbob:$6$b$b:1000:1000::/home/bob:/bin/sh\n\
             eve:*:1001:1001::/home/eve:/bin/sh\n"
        );
        assert!(!root.join("etc/shadow").exists());
    }
}

/// Hashes are written by the program itself, what is in clear by the root's own.
#[test]
fn passwords_are_set() {
    let config = "#cloud-config\nuser: ada\npassword: of nobody\nssh_pwauth: true\nusers:\n- default\n\
         - {name: bob, lock_passwd: false, plain_text_passwd: 'b:o b'}\nchpasswd:\n  users:\n\
         \x20 - {name: root, password: $6$salt$hash}\n  - {name: ada, password: clear, type: text}\n\
         \x20 - {name: eve, type: RANDOM}\n";
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("passwords-{}", shell[0]));
        let root = scratch.0.as_path();
        for folder in ["etc/ssh/sshd_config.d", "bin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let accounts = "root:x:0:0:root:/root:/bin/sh\nada:x:1:1::/home/ada:/bin/sh\n";
        fs::write(root.join("etc/passwd"), accounts).unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
        let shadow = "root:*:19000:0:99999:7:::\nada:!:19000:0:99999:7:::\nrootless:*:1::::::";
        fs::write(root.join("etc/shadow"), shadow).unwrap();
        let program = root.join("bin/chpasswd");
        let text = format!(
            "#!/bin/sh\n{{ echo \"$1\"; cat; }} >>{}\n",
            root.join("asked").display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let config = part(1, "text/cloud-config", "c", config);
        prepare(root, "i-1", vec![config], Vec::new());
        let path = std::env::var("PATH").unwrap();
        let early = command(shell, root, "early")
            .env("PATH", format!("{}:{path}", root.join("bin").display()))
            .output()
            .unwrap();
        assert!(early.status.success(), "{early:?}");
        let shadow = scratch.text("etc/shadow");
        let lines: Vec<&str> = shadow.lines().collect();
        assert_eq!(lines[0], "root:$6$salt$hash:0:0:99999:7:::");
        assert_eq!(lines[1], "ada:!:0:0:99999:7:::");
        assert_eq!(lines[2], "rootless:*:1::::::");
        assert!(lines[3].starts_with("bob:*:2"), "{shadow}");
        assert_eq!(scratch.text("asked"), "-R\nbob:b:o b\n-R\nada:clear\n");
        assert_eq!(
            scratch.text("etc/ssh/sshd_config.d/10-cloudseed.conf"),
            "PasswordAuthentication yes\n"
        );
    }
}

/// A number that another has makes no second name for him, and a file that is none is not waited for.
#[test]
fn accounts_take_nothing_from_others() {
    let config = "#cloud-config\nusers:\n- {name: al, uid: 1000, ssh_authorized_keys: [ssh-ed25519 BBBB b]}\n\
         - {name: eve, uid: 27}\n- {name: old, ssh_authorized_keys: [ssh-ed25519 CCCC c]}\n";
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("taken-{}", shell[0]));
        let root = scratch.0.as_path();
        fs::create_dir_all(root.join("home/old/.ssh")).unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nold:x:1000:1000::/home/old:/bin/sh\n";
        fs::write(root.join("etc/passwd"), passwd).unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\nsudo:x:27:\n").unwrap();
        let keys = root.join("home/old/.ssh/authorized_keys");
        assert!(Command::new("mkfifo").arg(keys).status().unwrap().success());
        prepare(
            root,
            "i-1",
            vec![part(1, "text/cloud-config", "c", config)],
            Vec::new(),
        );
        let early = run(shell, root, "early");
        assert_eq!(early.status.code(), Some(1), "{early:?}");
        let said = String::from_utf8_lossy(&early.stdout).into_owned();
        assert!(
            said.contains("expected uid 1000 for the account al"),
            "{said}"
        );
        assert!(said.contains("expected to add a key for old"), "{said}");
        assert_eq!(
            scratch.text("etc/passwd"),
            format!("{passwd}eve:*:27:1001::/home/eve:/bin/sh\n")
        );
        assert_eq!(
            scratch.text("etc/group"),
            "root:x:0:\nsudo:x:27:\neve:x:1001:\n"
        );
    }
}

/// Systemd itself reads the units beside its own and finds neither an unknown word nor a circle.
#[test]
fn systemd_understands_the_units() {
    let scratch = Scratch::new("systemd");
    prepare(&scratch.0, "i-1", every_kind(), Vec::new());
    let units = scratch
        .0
        .join("run/cloudseed/handover/systemd/systemd/system");
    for (name, text) in NAMES_UNITS {
        let path = units.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=yes"])
        .arg(units.join("cloudseed-early.service"))
        .arg(units.join("cloudseed-final.service"))
        .arg(units.join("cloudseed-names.service"))
        .arg("multi-user.target")
        .env("SYSTEMD_UNIT_PATH", format!("{}:", units.display()))
        .output();
    let Ok(output) = verified else {
        eprintln!("not checked: no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !said.contains("cloudseed") && !said.contains("cycle"),
        "{said}"
    );
}

#[test]
fn vendor_scripts_are_arguments_of_their_prefix() {
    let config = "#cloud-config\nvendor_data: {prefix: [env, \"PREFIXED=a b\\n\\nc\\n\"]}\n";
    let script = "#!/bin/sh\necho \"got ${PREFIXED-nothing}\" >>\"$OUT\"\n";
    for shell in SHELLS {
        let scratch = Scratch::new(&format!("prefix-{}", shell[0]));
        let root = scratch.0.as_path();
        let user = vec![
            part(1, "text/cloud-config", "c", config),
            part(2, "text/x-shellscript", "u", script),
        ];
        prepare(
            root,
            "i-1",
            user,
            vec![part(1, "text/x-shellscript", "v", script)],
        );
        assert!(run(shell, root, "final").status.success());
        assert_eq!(noted(root), ["got a b", "", "c", "", "got nothing"]);
    }
}
