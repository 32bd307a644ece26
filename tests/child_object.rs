//! The code between clone and exec must not allocate, lock or panic. These tests compile src/clone/child.rs alone,
//! optimized like the release. They check the undefined symbols of the object code, and the words of the source.

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clone/child.rs");
/// The module of `SOURCE`.
const OPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clone/child/options.rs");

/// The symbols that child.rs may use: wrappers of system calls, and the address of errno.
const ALLOWED: &[&str] = &[
    "__errno_location",
    "_exit",
    "access",
    "chdir",
    "clone",
    "close",
    "dup2",
    "execve",
    "fcntl",
    "fcntl64",
    "ftruncate",
    "ftruncate64",
    "getgid",
    "getpgid",
    "getpid",
    "getppid",
    "getuid",
    "ioctl",
    "kill",
    "open",
    "open64",
    "prctl",
    "pwrite",
    "pwrite64",
    "read",
    "setpgid",
    "setsid",
    "stat",
    "stat64",
    "syscall",
    "umask",
    "waitpid",
];

#[test]
fn the_object_code_names_no_panic_and_no_allocator() {
    let directory = std::env::temp_dir().join(format!("procnative-child-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let object = directory.join("child.o");
    let dependencies = dependencies();
    let compiled = Command::new(std::env::var("RUSTC").unwrap_or("rustc".into()))
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=obj",
            "-Copt-level=3",
            "-Cpanic=unwind",
            SOURCE,
            "-o",
        ])
        .arg(&object)
        .arg(format!("-Ldependency={}", dependencies.display()))
        .arg(format!("--extern=libc={}", libc_in(&dependencies).display()))
        .status()
        .unwrap();
    assert!(compiled.success());
    let symbols =
        Command::new("nm").args(["--undefined-only", "--format=just-symbols"]).arg(&object).output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(symbols.status.success(), "nm: {}", String::from_utf8_lossy(&symbols.stderr));

    let symbols = String::from_utf8(symbols.stdout).unwrap();
    let used: Vec<&str> =
        symbols.lines().map(str::trim).filter(|name| *name != "_GLOBAL_OFFSET_TABLE_").collect();
    assert!(used.contains(&"execve"), "this is not the child's code: {used:?}");
    let unknown: Vec<_> = used.iter().filter(|name| !ALLOWED.contains(name)).collect();
    assert!(unknown.is_empty(), "src/clone/child.rs calls {unknown:?}");
}

#[test]
fn the_source_names_no_allocating_or_panicking_code() {
    const WORDS: &[&str] = &[
        "format!", "Vec<", "String", "Box<", "panic!", "unwrap(", "expect(", "println!", "napi", "std::",
        "alloc",
    ];
    for path in [SOURCE, OPTIONS] {
        let source = std::fs::read_to_string(path).unwrap();
        let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            let word = WORDS.iter().find(|word| line.contains(**word));
            assert_eq!(word, None, "{path}:{}", number + 1);
        }
    }
}

/// Returns the directory of the libraries that this test is linked with.
fn dependencies() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Returns the path of the libc crate in `directory`.
fn libc_in(directory: &Path) -> PathBuf {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("liblibc-") && name.ends_with(".rlib")
        })
        .expect("cargo has built libc")
}
