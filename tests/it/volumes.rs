//! Volumes as the tools that make them make them: superblocks against blkid, files against what was put in.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use cloudseed_core::machine::volume::{self, Volume};
use cloudseed_core::machine::{Disk, Machine};

use crate::tree::Tree;

/// Who brings a program, for the message when it is missing.
const PACKAGES: [(&str, &str); 14] = [
    ("genisoimage", "genisoimage"),
    ("xorriso", "xorriso"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("mlabel", "mtools"),
    ("mke2fs", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
    ("e2fsck", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkswap", "util-linux"),
    ("mkudffs", "udftools"),
    ("/usr/bin/python3", "python3"),
    ("blkid", "util-linux"),
];

/// A directory that goes when the test does.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloudseed-volumes-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// An empty image.
    fn image(&self, name: &str, bytes: u64) -> String {
        let path = self.path(name);
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        path
    }

    /// A directory with these files, to be put on a volume.
    fn seed(&self, files: &[(&str, &[u8])]) -> String {
        for (name, content) in files {
            let path = self.0.join("seed").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.path("seed")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program; a missing one fails the test with the name of its package.
fn run(program: &str, arguments: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output();
    let package = PACKAGES.iter().find(|(name, _)| *name == program);
    let package = package.map_or("?", |(_, package)| package);
    output.unwrap_or_else(|error| panic!("{program}: {error}; install the package {package}"))
}

fn make(program: &str, arguments: &[&str]) {
    let output = run(program, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

/// An image as a disk.
struct Image(fs::File);

impl Disk for Image {
    fn bytes(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.0.read_exact_at(buffer, offset).is_ok()
    }
}

fn open(image: &str) -> Box<dyn Disk> {
    Box::new(Image(fs::File::open(image).unwrap()))
}

/// What blkid says of an image.
fn blkid(image: &str, tag: &str) -> Option<String> {
    let output = run("blkid", &["-p", "-s", tag, "-o", "value", image]);
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.strip_suffix('\n').unwrap_or(&said);
    (!said.is_empty()).then(|| said.to_owned())
}

/// Reads an image, and asserts that blkid agrees on every fact.
#[track_caller]
fn read(image: &str) -> (Box<dyn Disk>, Volume) {
    let disk = open(image);
    let volume = Volume::read("vda", disk.as_ref());
    assert_eq!(volume.kind, blkid(image, "TYPE"), "type of {image}");
    assert_eq!(volume.label, blkid(image, "LABEL"), "label of {image}");
    assert_eq!(volume.uuid, blkid(image, "UUID"), "UUID of {image}");
    let fatboot = blkid(image, "LABEL_FATBOOT");
    assert_eq!(volume.label_fatboot, fatboot, "boot label of {image}");
    (disk, volume)
}

const META_DATA: &[u8] = b"instance-id: i-1\nlocal-hostname: seed\n";
const BYTES_MAX: usize = 16 << 20;

/// What every seed of these tests holds: a short file, an empty one, a long one, and some deeper down.
fn seed(scratch: &Scratch) -> (String, Vec<u8>) {
    let long: Vec<u8> = (0..300_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    let path = scratch.seed(&[
        ("meta-data", META_DATA),
        ("vendor-data", b""),
        ("user-data", &long),
        ("openstack/latest/meta_data.json", b"{}"),
        ("openstack/content/0000", b"zero"),
        (
            "a name of many words that is longer than any short one could ever be.text",
            b"long",
        ),
    ]);
    (path, long)
}

/// Asserts that a volume made from [`seed`] reads as what was put in; how names are folded is the caller's to say.
#[track_caller]
fn check_seed(image: &str, long: &[u8], folds_case: bool) {
    let (disk, volume) = read(image);
    let file = |path: &str| volume::read_file(disk.as_ref(), &volume, path, BYTES_MAX).unwrap();
    assert_eq!(file("meta-data").unwrap(), META_DATA);
    assert_eq!(file("/meta-data").unwrap(), META_DATA);
    assert_eq!(file("vendor-data").unwrap(), b"");
    assert!(file("user-data").unwrap() == long, "user-data differs");
    assert_eq!(file("openstack/latest/meta_data.json").unwrap(), b"{}");
    assert_eq!(file("openstack/content/0000").unwrap(), b"zero");
    assert_eq!(
        file("a name of many words that is longer than any short one could ever be.text").unwrap(),
        b"long"
    );
    assert_eq!(file("META-DATA").is_some(), folds_case);
    for absent in [
        "network-config",
        "openstack",
        "meta-data/x",
        "openstack/x/y",
        "",
    ] {
        assert_eq!(file(absent), None, "{absent}");
    }
    let list = |path: &str| volume::list(disk.as_ref(), &volume, path).unwrap();
    let mut root = list("/");
    root.retain(|name| name != "lost+found/");
    assert_eq!(
        root,
        [
            "a name of many words that is longer than any short one could ever be.text",
            "meta-data",
            "openstack/",
            "user-data",
            "vendor-data"
        ]
    );
    assert_eq!(list("openstack"), ["content/", "latest/"]);
    assert_eq!(list("openstack/nowhere"), [""; 0]);
    let error = volume::read_file(disk.as_ref(), &volume, "user-data", 1000).unwrap_err();
    let expected = format!(
        "read volume: vda user-data: expected at most 1000 bytes, but found {}",
        long.len()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn iso9660_with_rock_ridge_and_with_joliet() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    let make_iso = |name: &str, options: &[&str]| {
        let image = scratch.path(name);
        let mut arguments = vec!["-quiet", "-o", &image, "-V", "cidata"];
        arguments.extend(options);
        arguments.push(&seed);
        make("genisoimage", &arguments);
        image
    };
    check_seed(&make_iso("rock.iso", &["-r"]), &long, false);
    check_seed(
        &make_iso("both.iso", &["-J", "-joliet-long", "-R"]),
        &long,
        false,
    );
    check_seed(
        &make_iso("joliet.iso", &["-J", "-joliet-long"]),
        &long,
        true,
    );
}

/// As a genisoimage, as a disk with a partition table, with another block that tells of the files, and in its own words.
#[test]
fn iso9660_as_xorriso_makes_it() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    for (turn, options) in [
        &["-J", "-joliet-long", "-r"][..],
        &["-r", "--protective-msdos-label"],
        &["-r", "-partition_offset", "16"],
        &["-r", "-iso-level", "4", "-hfsplus"],
        &["-r", "-checksum_algorithm_iso", "md5", "-no-pad"],
    ]
    .iter()
    .enumerate()
    {
        let image = scratch.path(&format!("{turn}.iso"));
        let mut arguments = vec!["-as", "mkisofs", "-quiet", "-V", "cidata", "-o", &image];
        arguments.extend(*options);
        arguments.push(&seed);
        make("xorriso", &arguments);
        assert_eq!(read(&image).1.label.as_deref(), Some("cidata"));
        check_seed(&image, &long, false);
    }
    let image = scratch.path("own.iso");
    let words = ["-outdev", &image, "-volid", "cidata", "-joliet", "on"];
    make("xorriso", &[&words[..], &["-map", &seed, "/"]].concat());
    check_seed(&image, &long, false);
}

#[test]
fn iso9660_with_plain_names() {
    let scratch = Scratch::new();
    let seed = scratch.seed(&[
        ("ovf-env.xml", b"<x/>"),
        ("README", b"text"),
        ("dir/a.b", b"c"),
    ]);
    let image = scratch.path("plain.iso");
    make(
        "genisoimage",
        &[
            "-quiet",
            "-iso-level",
            "2",
            "-V",
            "OVF ENV",
            "-o",
            &image,
            &seed,
        ],
    );
    let (disk, volume) = read(&image);
    let file = |path: &str| volume::read_file(disk.as_ref(), &volume, path, BYTES_MAX).unwrap();
    assert_eq!(
        volume::list(disk.as_ref(), &volume, "").unwrap(),
        ["DIR/", "OVF_ENV.XML", "README"]
    );
    assert_eq!(file("readme").unwrap(), b"text");
    assert_eq!(file("ovf_env.xml").unwrap(), b"<x/>");
    assert_eq!(file("dir/A.B").unwrap(), b"c");
}

#[test]
fn labels_of_iso9660() {
    let scratch = Scratch::new();
    let seed = scratch.seed(&[("meta-data", META_DATA)]);
    let image = scratch.path("label.iso");
    for label in [
        "config-2",
        "AbCdefghijklmnop_qrstuv",
        "äöü def",
        "exactly_sixteen_",
        "a b  c",
    ] {
        for options in [&["-r"][..], &["-J", "-r", "-input-charset", "utf-8"]] {
            let mut arguments = vec!["-quiet", "-V", label, "-o", &image];
            arguments.extend(options);
            arguments.push(&seed);
            make("genisoimage", &arguments);
            read(&image);
        }
    }
}

#[test]
fn a_bridge_between_udf_and_iso9660() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    let image = scratch.path("bridge.iso");
    let label = "cidata";
    make(
        "genisoimage",
        &["-quiet", "-udf", "-r", "-V", label, "-o", &image, &seed],
    );
    assert_eq!(read(&image).1.kind.as_deref(), Some("udf"));
    check_seed(&image, &long, false);
}

#[test]
fn a_disc_of_udf_alone() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    let image = scratch.path("udf.iso");
    make(
        "genisoimage",
        &["-quiet", "-udf", "-r", "-V", "cidata", "-o", &image, &seed],
    );
    // Without the descriptors of iso9660 there is nothing but UDF.
    for sector in 16..24 {
        let mut id = [0; 5];
        let file = fs::File::open(&image).unwrap();
        file.read_exact_at(&mut id, sector * 2048 + 1).unwrap();
        if &id == b"CD001" {
            overwrite(&image, sector * 2048 + 1, b"BEA01");
        }
    }
    assert_eq!(read(&image).1.kind.as_deref(), Some("udf"));
    check_seed(&image, &long, false);
    survives(&image, 500);
}

/// Reads an image with one bit of it turned over, so many times.
fn survives(image: &str, turns: usize) {
    let whole = fs::read(image).unwrap();
    let volume = read(image).1;
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    for (turn, at) in used.iter().step_by(used.len() / turns + 1).enumerate() {
        let mut damaged = whole.clone();
        damaged[*at] ^= 1 << (turn % 8);
        let disk = crate::tree::Image(damaged);
        let _ = volume::list(&disk, &volume, "");
        for path in ["meta-data", "user-data"] {
            let _ = volume::read_file(&disk, &volume, path, 1 << 20);
        }
    }
}

#[test]
fn udf_as_mkudffs_makes_it() {
    let scratch = Scratch::new();
    // It makes volumes without a file.
    for (kind, block) in [
        ("hd", "512"),
        ("hd", "1024"),
        ("hd", "2048"),
        ("hd", "4096"),
        ("dvd", "2048"),
    ] {
        let image = scratch.image(&format!("{kind}-{block}.img"), 8 << 20);
        let options = [
            "--label=config-2",
            "--media-type",
            kind,
            "--blocksize",
            block,
        ];
        make("mkudffs", &[&options[..], &[&image]].concat());
        let (disk, volume) = read(&image);
        assert_eq!(volume.kind.as_deref(), Some("udf"), "{kind} {block}");
        assert_eq!(volume.label.as_deref(), Some("config-2"), "{kind} {block}");
        let listed = volume::list(disk.as_ref(), &volume, "/");
        assert_eq!(listed.unwrap(), [""; 0], "{kind} {block}");
        let file = volume::read_file(disk.as_ref(), &volume, "meta-data", BYTES_MAX);
        assert_eq!(file.unwrap(), None, "{kind} {block}");
    }
}

/// `tests/machine/udf.gz` was made by mkudffs (blocks of 512 bytes) and filled by Linux 6.1: files of many pieces, of none, with
/// holes and with odd names, directories of which half was deleted again, links.
#[test]
fn udf_as_linux_fills_it() {
    let scratch = Scratch::new();
    let image = scratch.path("udf");
    let packed = crate::differential::manifest("tests/machine/udf.gz");
    fs::write(
        &image,
        run("gzip", &["-dc", packed.to_str().unwrap()]).stdout,
    )
    .unwrap();
    let (disk, volume) = read(&image);
    let file = |path: &str| volume::read_file(disk.as_ref(), &volume, path, BYTES_MAX).unwrap();
    let lines: String = (0..40)
        .flat_map(|number| std::iter::repeat_n(format!("line {number}\n"), 64))
        .collect();
    assert!(file("user-data").unwrap() == lines.as_bytes());
    for path in ["meta-data", "absolute", "turn/md", "folder/md"] {
        assert_eq!(file(path).unwrap(), META_DATA, "{path}");
    }
    assert_eq!(file("vendor-data").unwrap(), b"");
    assert_eq!(file("zürich ☁").unwrap(), b"zurich\n");
    let holes = [&[0; 65536], &b"end\n"[..]].concat();
    assert!(file("holes").unwrap() == holes);
    let odd = "a file of many words in its long name, number 19";
    assert_eq!(file(odd).unwrap(), b"filler of this number: 19\n");
    assert_eq!(file(&odd.replace("19", "18")), None);
    let list = volume::list(disk.as_ref(), &volume, "turn").unwrap();
    assert_eq!(list, ["md", "openstack/"]);
    survives(&image, 2000);
}

/// Puts a folder on a disc: `KIND IMAGE FOLDER`, where the kind says which names there are.
const PYCDLIB: &str = r#"
import os, pycdlib, sys
kind, image, folder = sys.argv[1:]
kinds = {"rock": {"rock_ridge": "1.09"}, "joliet": {"joliet": 3}, "udf": {"udf": "2.60"}, "xa": {"rock_ridge": "1.12", "xa": True},
         "all": {"rock_ridge": "1.09", "joliet": 3, "udf": "2.60"}}[kind]
disc = pycdlib.PyCdlib()
disc.new(interchange_level=3, vol_ident="cidata", **kinds)
number = 0
def put(below, iso, path):
    global number
    for name in sorted(os.listdir(below)):
        number += 1
        here, there = os.path.join(below, name), path + "/" + name
        if os.path.islink(here):
            disc.add_symlink(udf_symlink_path=there, udf_target=os.readlink(here))
            continue
        names = {}
        if "rock_ridge" in kinds:
            names["rr_name"] = name
        # Longer ones there are not.
        if "joliet" in kinds and len(name) <= 64:
            names["joliet_path"] = there
        if "udf" in kinds:
            names["udf_path"] = there
        if os.path.isdir(here):
            disc.add_directory("%s/D%d" % (iso, number), **names)
            put(here, "%s/D%d" % (iso, number), there)
        else:
            disc.add_file(here, "%s/F%d.;1" % (iso, number), **names)
put(folder, "", "")
disc.write(image)
"#;

/// A disc of this kind with what is in a folder.
fn pycdlib(scratch: &Scratch, kind: &str, seed: &str) -> String {
    let has = run("/usr/bin/python3", &["-c", "import pycdlib"]);
    assert!(
        has.status.success(),
        "no pycdlib; install the package python3-pycdlib"
    );
    let image = scratch.path(kind);
    make("/usr/bin/python3", &["-c", PYCDLIB, kind, &image, seed]);
    image
}

#[test]
fn discs_of_pycdlib() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    for kind in ["rock", "xa", "udf", "all"] {
        check_seed(&pycdlib(&scratch, kind, &seed), &long, false);
    }
    let (disk, volume) = read(&pycdlib(&scratch, "joliet", &seed));
    let file = |path: &str| volume::read_file(disk.as_ref(), &volume, path, BYTES_MAX).unwrap();
    assert_eq!(file("META-data").unwrap(), META_DATA);
    assert!(file("user-data").unwrap() == long, "user-data differs");
    assert_eq!(file("openstack/latest/meta_data.json").unwrap(), b"{}");
}

/// An image, and some bytes written over it.
fn overwrite(image: &str, at: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(image).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

#[test]
fn two_file_systems_on_a_device_are_none() {
    let scratch = Scratch::new();
    let seed = scratch.seed(&[("meta-data", META_DATA)]);
    let iso = scratch.path("image.iso");
    make(
        "genisoimage",
        &["-quiet", "-r", "-V", "cidata", "-o", &iso, &seed],
    );
    let ext = scratch.image("ext", 8 << 20);
    make("mke2fs", &["-q", "-F", "-L", "other", &ext]);
    let superblock = fs::read(&ext).unwrap()[1024..2048].to_vec();
    overwrite(&iso, 1024, &superblock);
    // On a floppy disk the first of the two counts.
    assert_eq!(read(&iso).1.kind.as_deref(), Some("ext2"));
    fs::File::options()
        .write(true)
        .open(&iso)
        .unwrap()
        .set_len(4 << 20)
        .unwrap();
    assert_eq!(
        read(&iso).1,
        Volume {
            name: "vda".to_owned(),
            bytes: 4 << 20,
            ..Volume::default()
        }
    );
}

/// Copies a seed on a FAT image.
fn copy_in(image: &str, seed: &str) {
    let mut names: Vec<String> = fs::read_dir(seed)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let mut arguments = vec!["-s", "-i", image];
    arguments.extend(names.iter().map(String::as_str));
    arguments.push("::");
    make("mcopy", &arguments);
}

#[test]
fn fat_of_every_width() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    for (width, bytes, options) in [
        ("12", 4 << 20, &["-s", "4"][..]),
        ("16", 32 << 20, &["-s", "4"]),
        ("32", 64 << 20, &["-s", "1"]),
        ("32", 64 << 20, &["-s", "1", "-S", "512", "-f", "1"]),
        ("16", 32 << 20, &["-s", "1", "-S", "2048"]),
    ] {
        let image = scratch.image("fat", bytes);
        let mut arguments = vec!["-F", width, "-n", "CIDATA"];
        arguments.extend(options);
        arguments.push(&image);
        make("mkfs.vfat", &arguments);
        copy_in(&image, &seed);
        check_seed(&image, &long, true);
    }
}

#[test]
fn labels_of_fat() {
    let scratch = Scratch::new();
    for (width, bytes) in [("12", 2 << 20), ("16", 16 << 20), ("32", 64 << 20)] {
        let image = scratch.image("fat", bytes);
        make("mkfs.vfat", &["-F", width, &image]);
        assert_eq!(read(&image).1.label, None);
        make("mkfs.vfat", &["-F", width, "-n", "cidata", &image]);
        assert!(read(&image).1.is_labelled("cidata"));
        // The boot sector's label alone, as tools leave it that know only one of the two.
        let mut content = fs::read(&image).unwrap();
        let at = if width == "32" { 71 } else { 43 };
        content[at..at + 11].copy_from_slice(b"OTHER      ");
        fs::write(&image, &content).unwrap();
        let volume = read(&image).1;
        assert!(volume.is_labelled("cidata") && volume.is_labelled("OTHER"));
    }
}

#[test]
fn ext_of_every_age() {
    let scratch = Scratch::new();
    let (seed, long) = seed(&scratch);
    for (kind, options) in [
        ("ext2", &["-b", "1024"][..]),
        ("ext2", &["-O", "^filetype", "-r", "1"]),
        ("ext3", &[]),
        ("ext4", &[]),
        ("ext4", &["-b", "1024", "-O", "64bit,meta_bg,^resize_inode"]),
        ("ext4", &["-O", "^64bit,^extents"]),
        ("ext4", &["-b", "65536"]),
    ] {
        let image = scratch.image("ext", 64 << 20);
        let mut arguments = vec!["-q", "-F", "-t", kind, "-L", "config-2", "-d", &seed];
        arguments.extend(options);
        arguments.push(&image);
        make("mke2fs", &arguments);
        check_seed(&image, &long, false);
    }
}

#[test]
fn ext_with_inline_files_and_large_directories() {
    let scratch = Scratch::new();
    let mut files: Vec<(String, Vec<u8>)> = (0..200)
        .map(|n| (format!("small/file-{n:03}"), vec![b'x'; n]))
        .collect();
    files.extend((0..6).map(|n| (format!("few/{n}"), vec![b'y'; n])));
    files.extend((0..3000).map(|n| {
        (
            format!("many/a-rather-long-name-of-a-file-{n:04}"),
            Vec::new(),
        )
    }));
    // Twelve blocks, a block of blocks, a block of those.
    files.push((
        "blocks".to_owned(),
        (0..1_200_000_u32).flat_map(|n| n.to_le_bytes()).collect(),
    ));
    let borrowed: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, content)| (name.as_str(), &content[..]))
        .collect();
    let seed = scratch.seed(&borrowed);
    for options in [
        &["-t", "ext4", "-O", "inline_data", "-I", "256"][..],
        &[
            "-t",
            "ext4",
            "-O",
            "inline_data",
            "-I",
            "1024",
            "-b",
            "1024",
        ],
        &["-t", "ext2", "-b", "1024", "-O", "dir_index"],
        &[
            "-t",
            "ext4",
            "-O",
            "sparse_super2,bigalloc,extents",
            "-b",
            "1024",
        ],
    ] {
        let image = scratch.image("ext", 64 << 20);
        let mut arguments = vec!["-q", "-F", "-d", &seed];
        arguments.extend(options);
        arguments.push(&image);
        make("mke2fs", &arguments);
        let (disk, volume) = read(&image);
        for (name, content) in files.iter().step_by(7).chain(&files[files.len() - 1..]) {
            let found = volume::read_file(disk.as_ref(), &volume, name, BYTES_MAX).unwrap();
            assert!(found.as_ref() == Some(content), "{name} of {options:?}");
        }
        let list = |path: &str| volume::list(disk.as_ref(), &volume, path).unwrap();
        assert_eq!(list("many").len(), 3000);
        assert_eq!(list("small").len(), 200);
        assert_eq!(list("few"), ["0", "1", "2", "3", "4", "5"]);
    }
}

#[test]
fn ext_with_hashed_directories_and_holes() {
    let scratch = Scratch::new();
    let image = scratch.image("ext", 16 << 20);
    let names: String = (0..2000)
        .map(|n| format!("write /dev/null dir/name-{n:04}\n"))
        .collect();
    let sparse = scratch.path("sparse");
    let mut content = vec![0; 3 << 20];
    content[2 << 20..][..4].copy_from_slice(b"data");
    fs::File::create(&sparse)
        .unwrap()
        .write_all_at(b"data", 2 << 20)
        .unwrap();
    fs::File::options()
        .write(true)
        .open(&sparse)
        .unwrap()
        .set_len(3 << 20)
        .unwrap();
    for kind in ["ext2", "ext4"] {
        make(
            "mke2fs",
            &["-q", "-F", "-b", "1024", "-N", "3000", "-t", kind, &image],
        );
        let script = scratch.path("script");
        fs::write(
            &script,
            format!("mkdir dir\n{names}write {sparse} sparse\n"),
        )
        .unwrap();
        make("debugfs", &["-w", "-f", &script, &image]);
        // Rebuilds directories, the large ones with hashes; inode flag 0x1000 says that it did.
        run("e2fsck", &["-fyD", &image]);
        let stat = run("debugfs", &["-R", "stat dir", &image]).stdout;
        let hashed = ["Flags: 0x1000", "Flags: 0x81000"];
        let stat = String::from_utf8_lossy(&stat).into_owned();
        assert!(hashed.iter().any(|flags| stat.contains(flags)), "{stat}");
        let (disk, volume) = read(&image);
        assert_eq!(
            volume::list(disk.as_ref(), &volume, "dir").unwrap().len(),
            2000
        );
        let found = volume::read_file(disk.as_ref(), &volume, "dir/name-1999", BYTES_MAX);
        assert_eq!(found.unwrap(), Some(Vec::new()));
        let found = volume::read_file(disk.as_ref(), &volume, "sparse", BYTES_MAX).unwrap();
        assert!(found.as_ref() == Some(&content), "{kind}");
    }
}

/// Symbolic links lead to files inside of a volume and nowhere else.
#[test]
fn links_are_followed_inside_a_volume() {
    let scratch = Scratch::new();
    let deep = "a-directory-with-a-name-that-no-inode-has-room-for/beside-others";
    let seed = scratch.seed(&[
        ("ud", META_DATA),
        ("sub/md", b"{}"),
        (&format!("{deep}/nd"), b"long"),
    ]);
    let long = format!("{deep}/../beside-others/nd");
    for (name, target) in [
        ("user-data", "ud"),
        ("meta-data", "sub/../sub/./md"),
        ("vendor-data", "/sub/md"),
        ("network-config", long.as_str()),
        ("folder", "sub"),
        ("out", "../../../../ud"),
        ("outside", "/etc/passwd"),
        ("loop", "loop"),
        ("nowhere", "sub/nothing"),
    ] {
        std::os::unix::fs::symlink(target, Path::new(&seed).join(name)).unwrap();
    }
    let (iso, bridge) = (scratch.path("links.iso"), scratch.path("bridge.iso"));
    make("genisoimage", &["-quiet", "-R", "-o", &iso, &seed]);
    // Its UDF has empty files instead.
    make(
        "genisoimage",
        &["-quiet", "-R", "-udf", "-o", &bridge, &seed],
    );
    let udf = pycdlib(&scratch, "udf", &seed);
    let ext = scratch.image("links.ext", 16 << 20);
    make("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &seed, &ext]);
    for image in [&iso, &bridge, &udf, &ext] {
        let (disk, volume) = read(image);
        let file = |path: &str| volume::read_file(disk.as_ref(), &volume, path, BYTES_MAX).unwrap();
        for (path, expected) in [
            ("user-data", Some(META_DATA)),
            ("meta-data", Some(b"{}")),
            ("vendor-data", Some(b"{}")),
            ("network-config", Some(b"long")),
            ("folder/md", Some(b"{}")),
            ("out", Some(META_DATA)),
            ("outside", None),
            ("loop", None),
            ("nowhere", None),
        ] {
            assert_eq!(file(path).as_deref(), expected, "{image}: {path}");
        }
    }
}

#[test]
fn superblocks_of_systems_we_only_name() {
    let scratch = Scratch::new();
    let image = scratch.image("xfs", 300 << 20);
    make("mkfs.xfs", &["-q", "-L", "root fs", &image]);
    let (disk, volume) = read(&image);
    let error = volume::read_file(disk.as_ref(), &volume, "x", 1).unwrap_err();
    let expected = "read volume: vda x: expected a file system of iso9660, udf, vfat, ext2, ext3 or ext4, but found xfs";
    assert_eq!(error.to_string(), expected);

    let image = scratch.image("btrfs", 128 << 20);
    make("mkfs.btrfs", &["-q", "-L", "cidata", &image]);
    assert!(read(&image).1.is_labelled("cidata"));

    let image = scratch.image("swap", 1 << 20);
    make("mkswap", &["-L", "swap", &image]);
    read(&image);

    for page in ["8192", "65536"] {
        make("mkswap", &["-p", page, &image]);
        read(&image);
    }

    let image = scratch.image("empty", 1 << 20);
    assert_eq!(read(&image).1.kind, None);
    let image = scratch.image("nothing", 0);
    assert_eq!(Volume::read("vda", open(&image).as_ref()).kind, None);
}

#[test]
fn labels_of_exfat_and_ntfs() {
    let scratch = Scratch::new();
    let units =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let image = scratch.image("exfat", 2 << 20);
    overwrite(&image, 0, b"\xeb\x76\x90EXFAT   ");
    overwrite(&image, 72, &4096_u64.to_le_bytes());
    // Clusters from sector 256 on, 480 of them; the root's is 5; 512 bytes a sector, eight sectors a cluster.
    overwrite(
        &image,
        80,
        &[
            128, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 224, 1, 0, 0, 5, 0, 0, 0,
        ],
    );
    overwrite(
        &image,
        100,
        &[0xef, 0xcd, 0xab, 0x89, 0, 1, 0, 0, 9, 3, 1, 0x80],
    );
    overwrite(&image, 510, &[0x55, 0xaa]);
    let root = 256 * 512 + 3 * 4096;
    overwrite(&image, root, &[0x81, 0]);
    overwrite(&image, root + 32, &[0x83, 6]);
    overwrite(&image, root + 34, &units("cidätaXX"));
    let mut boot = fs::read(&image).unwrap();
    boot.truncate(11 * 512);
    boot[106..108].fill(0);
    boot[112] = 0;
    let sum = boot
        .iter()
        .enumerate()
        .filter(|(at, _)| !matches!(at, 106 | 107 | 112));
    let sum = sum.fold(0_u32, |sum, (_, byte)| {
        sum.rotate_right(1).wrapping_add(u32::from(*byte))
    });
    overwrite(&image, 11 * 512, &sum.to_le_bytes().repeat(128));
    assert_eq!(read(&image).1.label.as_deref(), Some("cidäta"));

    let image = scratch.image("ntfs", 2 << 20);
    overwrite(&image, 0, b"\xeb\x52\x90NTFS    \0\x02\x08");
    overwrite(&image, 21, &[0xf8]);
    overwrite(&image, 40, &4095_u64.to_le_bytes());
    overwrite(&image, 48, &4_u64.to_le_bytes());
    overwrite(&image, 56, &2_u64.to_le_bytes());
    overwrite(
        &image,
        64,
        &[0xf6, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    overwrite(&image, 510, &[0x55, 0xaa]);
    let table = 4 * 4096;
    overwrite(&image, table, b"FILE");
    let volume = table + 3 * 1024;
    overwrite(&image, volume, b"FILE");
    overwrite(&image, volume + 20, &[56, 0, 0, 0, 160, 0, 0, 0, 0, 4]);
    overwrite(&image, volume + 56, &[0x10, 0, 0, 0, 32, 0, 0, 0]);
    overwrite(
        &image,
        volume + 88,
        &[
            0x60, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 24, 0,
        ],
    );
    overwrite(&image, volume + 112, &units("config"));
    overwrite(&image, volume + 128, &[0xff; 4]);
    assert_eq!(read(&image).1.label.as_deref(), Some("config"));
}

/// Walks a volume and reads what it meets.
fn walk(disk: &dyn Disk, kind: &str) {
    let volume = Volume {
        kind: Some(kind.to_owned()),
        ..Volume::read("vda", disk)
    };
    for directory in ["", "openstack", "openstack/latest"] {
        for name in volume::list(disk, &volume, directory)
            .unwrap_or_default()
            .iter()
            .take(50)
        {
            let path = format!("{directory}/{name}");
            let content = volume::read_file(disk, &volume, &path, 65536);
            let length = content.map_or(0, |content| content.map_or(0, |content| content.len()));
            assert!(length <= 65536, "{path}");
        }
    }
}

#[test]
fn broken_volumes_are_read_as_far_as_they_go() {
    let scratch = Scratch::new();
    let seed = scratch.seed(&[
        ("meta-data", META_DATA),
        ("user-data", &[b'#'; 5000]),
        ("openstack/latest/meta_data.json", b"{}"),
    ]);
    let iso = scratch.path("iso");
    make(
        "genisoimage",
        &["-quiet", "-no-pad", "-J", "-r", "-o", &iso, &seed],
    );
    let joliet = scratch.path("joliet");
    make(
        "genisoimage",
        &["-quiet", "-no-pad", "-J", "-o", &joliet, &seed],
    );
    let fat = scratch.image("fat", 80 << 10);
    make("mkfs.vfat", &["-n", "CIDATA", &fat]);
    copy_in(&fat, &seed);
    let ext2 = scratch.image("ext2", 80 << 10);
    make(
        "mke2fs",
        &["-q", "-F", "-N", "24", "-b", "1024", "-d", &seed, &ext2],
    );
    let ext4 = scratch.image("ext4", 80 << 10);
    let options = "^has_journal,^resize_inode,inline_data,64bit";
    make(
        "mke2fs",
        &[
            "-q", "-F", "-t", "ext4", "-N", "24", "-b", "1024", "-I", "256", "-O", options, "-d",
            &seed, &ext4,
        ],
    );
    for (image, kind) in [
        (iso, "iso9660"),
        (joliet, "iso9660"),
        (fat, "vfat"),
        (ext2, "ext2"),
        (ext4, "ext4"),
    ] {
        let whole = fs::read(&image).unwrap();
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
        for length in (0..=end).step_by(61) {
            walk(&crate::tree::Image(whole[..length].to_vec()), kind);
        }
        let mut disk = crate::tree::Image(whole.clone());
        for at in (0..=end).filter(|at| whole[*at] != 0 && whole[*at] != b'#' || at % 64 == 0) {
            for value in [whole[at] ^ 1, !whole[at], 0x7f] {
                disk.0[at] = value;
                walk(&disk, kind);
            }
            disk.0[at] = whole[at];
        }
    }
}

#[test]
fn a_machine_lists_its_volumes() {
    let scratch = Scratch::new();
    let seed = scratch.seed(&[("meta-data", META_DATA)]);
    let image = scratch.path("seed.iso");
    make(
        "genisoimage",
        &["-quiet", "-r", "-V", "CIDATA", "-o", &image, &seed],
    );
    let content = fs::read(&image).unwrap();
    let mut tree = Tree::new(&[
        ("/sys/class/block/fd0/size", "8\n"),
        ("/sys/class/block/loop0/size", "0\n"),
        ("/sys/class/block/ram0/size", "8192\n"),
        ("/sys/class/block/vdb/size", "2048\n"),
    ]);
    let size = format!("{}\n", content.len() / 512);
    tree.put("/sys/class/block/sr0/size", size.as_bytes());
    for name in ["fd0", "loop0", "ram0", "sr0"] {
        tree.put(&format!("/dev/{name}"), &content);
    }
    let machine = Machine::read(&tree);
    let names: Vec<&str> = machine
        .volumes
        .iter()
        .map(|volume| volume.name.as_str())
        .collect();
    assert_eq!(names, ["sr0"]);
    let volume = machine.volume_labelled(&["cidata", "CIDATA"]).unwrap();
    assert_eq!(volume.bytes, content.len() as u64);
}
