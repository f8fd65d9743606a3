//! The repository looks at itself: the invariants of the design, as tests. Invariants, not taste.

use std::fs;
use std::path::{Path, PathBuf};

use cloudseed_core::platform::PLATFORMS;

/// What the top level may hold; `README.md` aside, all of it must be there.
const TOP_LEVEL: [&str; 10] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "initramfs",
    "qemu",
    "src",
    "tests",
];

/// Bytes that a release binary may have, by the route that initramfs/build took: what README.md states, and a little. The
/// last two carry a standard library that was not optimised for size, and glibc.
const BINARY_BYTES_MAX: [(&str, &str, u64); 6] = [
    ("cloudseed", "musl-std", 2_816_000),
    ("cloudseed", "musl", 3_300_000),
    ("cloudseed", "glibc", 4_700_000),
    ("cloudseed-tiny", "musl-std", 1_763_000),
    ("cloudseed-tiny", "musl", 2_100_000),
    ("cloudseed-tiny", "glibc", 3_300_000),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, relative to the repository; build results and git's own aside.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_name().to_str().unwrap() {
                ".git" | "target" => {}
                _ if entry.file_type().unwrap().is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(root()).unwrap().to_path_buf()),
            }
        }
    }
    found.sort();
    found
}

/// Rust sources below `folder`, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    files(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Fails with the whole list, so that one run shows everything.
fn check(rule: &str, offenders: Vec<String>) {
    assert!(
        offenders.is_empty(),
        "{rule}:\n  {}",
        offenders.join("\n  ")
    );
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap()
}

/// Whether `text` holds `word` with nothing of a name on either side.
fn has_word(text: &str, word: &str) -> bool {
    let of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(of_a_name) && !text[start + word.len()..].starts_with(of_a_name)
    })
}

/// The part of a core file that goes into the program: its tests stand at the foot and may use what they like.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap()
}

/// Lines, counted from 1, with an unsafe block or impl that no `// SAFETY:` directly above explains.
fn unexplained_unsafe(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let explained = |index: usize| {
        let above = lines[..index].iter().rev();
        let mut comment = above.take_while(|line| {
            let line = line.trim_start();
            // rustfmt may put the head of a statement between a comment and its block.
            line.starts_with("//") || line.ends_with('=') || line.ends_with('(')
        });
        comment.any(|line| line.contains("SAFETY:"))
    };
    let is_block = |line: &str| {
        let line = code(line);
        has_word(line, "unsafe") && !line.contains("unsafe fn") && !line.contains("unsafe extern")
    };
    (0..lines.len())
        .filter(|&index| is_block(lines[index]) && !explained(index))
        .map(|index| index + 1)
        .collect()
}

#[test]
fn unsafe_stays_in_sys_and_is_explained() {
    let mut offenders = Vec::new();
    for (path, text) in sources("src") {
        let in_sys = path.starts_with("src/sys");
        let uses = text
            .lines()
            .any(|line| has_word(code(line), "unsafe") && !line.contains("unsafe_code"));
        if uses && !in_sys {
            offenders.push(format!("{}: outside src/sys", path.display()));
        }
        for line in unexplained_unsafe(&text) {
            offenders.push(format!("{}:{line}: no SAFETY comment", path.display()));
        }
    }
    check("unsafe only in src/sys, each with // SAFETY:", offenders);
}

#[test]
fn unexplained_unsafe_is_seen() {
    let bad = "fn f() {\n    // Fast.\n    unsafe { g() }\n}\n";
    let good = "fn f() {\n    // SAFETY: g is fine.\n    let a =\n        unsafe { g() };\n}\n";
    assert_eq!(unexplained_unsafe(bad), [3]);
    assert_eq!(unexplained_unsafe(good), []);
}

#[test]
fn every_source_says_what_it_is() {
    let missing = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path.display().to_string());
    check("a source opens with a //! sentence", missing.collect());
}

#[test]
fn core_knows_neither_the_system_nor_http() {
    let mut offenders = Vec::new();
    for (path, text) in sources("src/core") {
        for (index, line) in without_tests(&text).lines().enumerate() {
            for word in ["std", "libc", "ureq", "argh"] {
                if has_word(code(line), word) && !line.contains("no_std") {
                    offenders.push(format!("{}:{}: {word}", path.display(), index + 1));
                }
            }
        }
    }
    check("core is no_std and touches nothing", offenders);
    let front = read("src/core/lib.rs");
    assert!(front.contains("#![no_std]") && front.contains("#![forbid(unsafe_code)]"));
}

/// The modules of core from the bottom to the top: one may know those before it, and nothing else.
const ORDER: [&str; 36] = [
    // Leaves.
    "text",
    "warning",
    "journal",
    "url",
    "digest",
    "bytes",
    "budget",
    "note",
    "value",
    "variables", // Formats.
    "json",
    "yaml",
    "pem",
    "minisign",
    "plan",
    // What is known: the machine, its network, the way out, its owner's word.
    "machine",
    "network",
    "outside",
    "tpm",
    "net",
    "settings", // What comes of it.
    "instance",
    "userdata",
    "jinja",
    "rule",
    "fetch",
    "dialect",
    "platform",
    "identify",
    "config",
    "compile",
    "handover",
    "boot", // What others ask.
    "query",
    "report",
    "lib",
];

/// The modules at the root of the crate that the source at `path`, below its `src/core`, names: after `crate::`, or after as many
/// `super::` as lead there, one by one or in braces.
fn named_modules(path: &Path, text: &str) -> Vec<String> {
    let depth = path.components().count();
    let text: String = without_tests(text)
        .lines()
        .map(|line| code(line).to_owned() + "\n")
        .collect();
    let mut named = Vec::new();
    let starts = text
        .match_indices("crate::")
        .map(|(at, word)| (at, at + word.len()));
    let supers = "super::".repeat(depth);
    let supers = text
        .match_indices(&supers)
        .map(|(at, word)| (at, at + word.len()));
    let of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    for (at, after) in starts.chain(supers) {
        if text[..at].ends_with(of_a_name) {
            continue;
        }
        let rest = &text[after..];
        let word = |text: &str| {
            text.trim_start()
                .chars()
                .take_while(|c| of_a_name(*c))
                .collect()
        };
        match rest.strip_prefix('{') {
            None => named.push(word(rest)),
            Some(group) => named.extend(members(group).into_iter().map(word)),
        }
    }
    named
}

/// What stands between commas in a group of imports whose brace is open, groups inside it aside.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from) = (0, 0);
    let mut members = Vec::new();
    for (at, letter) in group.char_indices() {
        match (letter, depth) {
            ('{', _) => depth += 1,
            ('}', 1..) => depth -= 1,
            (',' | '}', 0) => {
                members.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if letter == '}' && at + 1 == from {
            break;
        }
    }
    members
}

/// What points upwards, or to a module that has no rank, in a source of core.
fn upwards(path: &Path, text: &str) -> Vec<String> {
    let rank = |name: &str| ORDER.iter().position(|other| *other == name);
    let top = path
        .iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs");
    let Some(own) = rank(top) else {
        return vec![format!("{top} has no rank")];
    };
    let mut named = named_modules(path, text);
    named.retain(|name| name.starts_with(char::is_lowercase));
    named.sort();
    named.dedup();
    let is_up = |name: &String| name != top && rank(name).is_none_or(|rank| rank > own);
    named.retain(is_up);
    named
}

#[test]
fn imports_point_downwards() {
    let mut offenders = Vec::new();
    for (path, text) in sources("src/core") {
        let below = path.strip_prefix("src/core").unwrap();
        let up = upwards(below, &text);
        offenders.extend(up.iter().map(|name| format!("{}: {name}", path.display())));
    }
    for (path, text) in sources("src/sys") {
        if text.contains("crate::command") {
            offenders.push(format!("{}: command", path.display()));
        }
    }
    check(
        "inside core an import points down the table ORDER",
        offenders,
    );
}

#[test]
fn an_import_that_points_upwards_is_seen() {
    let up = |path: &str, text: &str| upwards(Path::new(path), text);
    for text in [
        "use crate::boot::Booted;",
        "use crate::{json, boot, value::{self, Map}};",
        "use crate::{\n    value::{self, Map},\n    boot::{\n        self,\n    },\n};",
        "fn f() -> crate::boot::Booted {}",
        "use super::super::boot;",
        "use super::super::{json, boot};",
    ] {
        assert_eq!(up("net/dhcp.rs", text), ["boot"], "{text}");
    }
    assert_eq!(up("net.rs", "use super::boot;"), ["boot"]);
    assert_eq!(up("net.rs", "use crate::nonsense;"), ["nonsense"]);
    assert_eq!(up("nonsense.rs", ""), ["nonsense has no rank"]);
    for text in [
        "use super::boot;",
        "use crate::net::boot;",
        "use crate::{json, value::{boot, Map}};",
        "// crate::boot",
        "#![no_std]\n#[cfg(test)]\nmod tests {\n    use crate::boot;\n}\n",
        "let mycrate = supercrate::boot;",
    ] {
        assert!(up("net/dhcp.rs", text).is_empty(), "{text}");
    }
}

/// The words of Rust code that are names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let lines = text.lines().map(code);
    lines.flat_map(move |line| line.split(move |letter| !of_a_name(letter)))
}

/// The public things that a source of core defines: functions, types, traits, constants.
fn public_names(text: &str) -> Vec<&str> {
    let named = |line| {
        let line: &str = code(line).trim_start();
        let rest = line.strip_prefix("pub")?;
        let rest = match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')')?.1,
            None => rest,
        };
        let mut words = rest
            .split_ascii_whitespace()
            .filter(|word| *word != "const" || !rest.contains("const fn"));
        let kind = words.next()?;
        let name = words.next()?;
        let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let is_kind = ["fn", "struct", "enum", "trait", "type", "const", "static"].contains(&kind);
        is_kind.then_some(&name[..end.unwrap_or(name.len())])
    };
    text.lines().filter_map(named).collect()
}

/// Public things of core that no program uses: doors for tests and fuzzing.
const KEPT: [&str; 3] = ["from_table", "from_text", "implied_mode"];

#[test]
fn nothing_public_is_there_for_its_tests_only() {
    let program = sources("src");
    let mut counts: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (_, text) in &program {
        for word in words(without_tests(text)) {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut offenders = Vec::new();
    for (path, text) in &program {
        // A file that is compiled for tests only.
        if !path.starts_with("src/core") || path.ends_with("machine/tree.rs") {
            continue;
        }
        for name in public_names(without_tests(text)) {
            if counts[name] < 2 && !KEPT.contains(&name) {
                offenders.push(format!("{}: {name}", path.display()));
            }
        }
    }
    check("what is public in core is used outside tests", offenders);
}

#[test]
fn public_names_are_seen() {
    let text = "pub fn one() {}\n    pub(super) const fn two() {}\npub const THREE: u8 = 3;\npub struct Four<'a>(\nfn five() {}\n    pub six: u8,\npub use seven;\n// pub fn eight()\n";
    assert_eq!(public_names(text), ["one", "two", "THREE", "Four"]);
}

#[test]
fn platforms_do_not_know_each_other() {
    let mut offenders = Vec::new();
    for (path, text) in sources("src/core/platform") {
        let text = without_tests(&text);
        let own = path.file_stem().unwrap().to_str().unwrap();
        for other in file_names().filter(|other| other != own) {
            if text.contains(&format!("super::{other}::"))
                || text.contains(&format!("platform::{other}::"))
            {
                offenders.push(format!("{}: knows the platform {other}", path.display()));
            }
        }
    }
    check("a platform knows no other", offenders);
}

/// The file names of the platforms, as their names have them but in lower case.
fn file_names() -> impl Iterator<Item = String> {
    PLATFORMS
        .iter()
        .map(|platform| platform.name.to_lowercase())
}

#[test]
fn every_platform_has_its_three_things() {
    let readme = fs::read_to_string(root().join("README.md")).ok();
    let roots = root().join("tests/roots");
    let roots = roots.is_dir().then(|| files("tests/roots"));
    let mut offenders = Vec::new();
    for (platform, file) in PLATFORMS.iter().zip(file_names()) {
        if !root()
            .join(format!("src/core/platform/{file}.rs"))
            .is_file()
        {
            offenders.push(format!("{}: no src/core/platform/{file}.rs", platform.name));
        }
        let prefix = format!("tests/roots/{file}");
        let is_own = |path: &PathBuf| path.to_str().unwrap().starts_with(&prefix);
        if roots.as_ref().is_some_and(|all| !all.iter().any(is_own)) {
            offenders.push(format!("{}: no folder {prefix}…", platform.name));
        }
        let is_row = |line: &str| line.starts_with('|') && has_word(line, platform.name);
        if readme
            .as_ref()
            .is_some_and(|text| !text.lines().any(is_row))
        {
            offenders.push(format!("{}: no row in a table of README.md", platform.name));
        }
    }
    for path in files("src/core/platform") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        if !file_names().any(|file| file == name) {
            offenders.push(format!("{}: not in PLATFORMS", path.display()));
        }
    }
    check("a platform is a file, a root and a row", offenders);
}

/// Every bound that README.md names is a constant; where several have its name, the row says in which file it is.
#[test]
fn bounds_are_constants() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let (_, bounds) = readme.split_once("### Bounds").unwrap_or_default();
    let all = sources("src");
    let mut offenders = Vec::new();
    for line in bounds.lines().filter(|line| line.starts_with("| ")) {
        let cell = line.trim_end_matches([' ', '|']).rsplit('|').next();
        let quoted: Vec<&str> = cell.unwrap().split('`').skip(1).step_by(2).collect();
        let (names, places): (Vec<&str>, Vec<&str>) =
            quoted.iter().partition(|word| word.ends_with("_MAX"));
        for name in names {
            let definition = format!("const {name}:");
            let defining = all.iter().filter(|(_, text)| text.contains(&definition));
            let defining: Vec<&Path> = defining.map(|(path, _)| path.as_path()).collect();
            let is_told = |path: &&Path| places.iter().any(|place| path.ends_with(place));
            let is_one =
                defining.len() == 1 || defining.iter().filter(|path| is_told(path)).count() == 1;
            if !is_one {
                offenders.push(format!("{name}: in {defining:?}"));
            }
        }
    }
    check("a bound is a constant that can be found", offenders);
    assert!(bounds.contains("_MAX`"), "README.md has no bounds");
}

#[test]
fn top_level_is_as_designed() {
    let entries = fs::read_dir(root()).unwrap().map(|entry| {
        let name = entry.unwrap().file_name();
        name.into_string().unwrap()
    });
    let strangers = entries
        .filter(|name| ![".git", "target", "README.md"].contains(&name.as_str()))
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()));
    let missing = TOP_LEVEL.iter().filter(|name| !root().join(name).exists());
    let missing = missing.map(|name| format!("{name} is missing"));
    check("the top level is fixed", strangers.chain(missing).collect());
}

#[test]
fn no_path_of_the_machine_that_wrote_it() {
    let here = root().to_str().unwrap();
    // A clone at / or /src would find itself everywhere.
    if here.matches('/').count() < 2 {
        return;
    }
    let home = std::env::var("HOME").unwrap_or_default();
    let mut offenders = Vec::new();
    for path in files("") {
        let text = fs::read(root().join(&path)).unwrap();
        let text = String::from_utf8_lossy(&text);
        let cargo_home = format!("{home}/.cargo/");
        if text.contains(here) || (home.len() > 1 && text.contains(&cargo_home)) {
            offenders.push(path.display().to_string());
        }
    }
    check("no path of this machine in a file", offenders);
}

/// What the owner says in the initramfs counts only where a hook takes it along.
#[test]
fn every_generator_takes_the_owners_files_along() {
    let mut offenders = Vec::new();
    for (_, text) in sources("src") {
        for (at, _) in text.match_indices("\"/etc/cloudseed/") {
            let name = text[at + 1..].split('"').next().unwrap();
            for hook in [
                "initramfs-tools/hook",
                "dracut/module-setup.sh",
                "mkinitcpio/install",
            ] {
                if !read(Path::new("initramfs").join(hook)).contains(name) {
                    offenders.push(format!("{hook} lacks {name}"));
                }
            }
        }
    }
    check("the owner's files are in every image", offenders);
}

#[test]
fn release_binary_is_below_its_budget() {
    for (name, route, budget) in BINARY_BYTES_MAX {
        let made = fs::read_to_string(root().join(format!("target/{name}.route")));
        if made.is_ok_and(|made| made.trim() == route) {
            let binary = root().join("target").join(name);
            let bytes = fs::metadata(binary).unwrap().len();
            assert!(
                bytes <= budget,
                "target/{name}: expected at most {budget} bytes by route {route}, but found {bytes}"
            );
        }
    }
}
