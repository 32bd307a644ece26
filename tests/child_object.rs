//! What runs between clone and exec may not allocate, lock or panic: src/clone/child.rs is compiled alone, as the
//! release is, and what its object code asks of other code is read off its symbols.

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clone/child.rs");

/// All that child.rs may ask for: system calls, and the places of errno and of clone.
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
    let asked: Vec<&str> =
        symbols.lines().map(str::trim).filter(|name| *name != "_GLOBAL_OFFSET_TABLE_").collect();
    assert!(asked.contains(&"execve"), "this is not the child's code: {asked:?}");
    let unknown: Vec<_> = asked.iter().filter(|name| !ALLOWED.contains(name)).collect();
    assert!(unknown.is_empty(), "src/clone/child.rs calls {unknown:?}");
}

#[test]
fn the_source_names_nothing_that_may_not_run_there() {
    let source = std::fs::read_to_string(SOURCE).unwrap();
    for (number, line) in source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
    {
        for word in [
            "format!", "Vec<", "String", "Box<", "panic!", "unwrap(", "expect(", "println!", "napi", "std::",
            "alloc",
        ] {
            assert!(!line.contains(word), "src/clone/child.rs:{}: {word}", number + 1);
        }
    }
}

/// Where cargo has put what this test was linked with.
fn dependencies() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

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
