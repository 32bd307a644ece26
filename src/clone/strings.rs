//! Arguments and environment variables for execve(2).

use std::ffi::{CStr, c_char};
use std::iter::FusedIterator;

/// C strings in one block of memory, each with its NUL. Many small allocations would take longer than all other
/// preparation of a start.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Strings {
    block: Vec<u8>,
}

impl Strings {
    /// Takes a block of strings with a NUL at the end of each. The last string may lack it.
    pub fn of_block(mut block: Vec<u8>) -> Self {
        if block.last().is_some_and(|&last| last != 0) {
            block.push(0);
        }
        Self { block }
    }

    pub fn push(&mut self, string: &CStr) {
        self.block.extend_from_slice(string.to_bytes_with_nul());
    }

    pub fn append(&mut self, others: &Self) {
        self.block.extend_from_slice(&others.block);
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.block }
    }

    /// Returns pointers for execve(2), valid until the strings change. The caller must add the null at the end.
    pub fn pointers(&self) -> impl Iterator<Item = *const c_char> {
        self.iter().map(CStr::as_ptr)
    }

    /// Returns the value of the first variable `name`, as getenv(3) does.
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.iter().find_map(|one| value_of(one.to_bytes(), name))
    }

    /// Removes all variables with these names.
    pub fn remove_variables(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(self.block.len());
        for one in self.iter() {
            if !names.iter().any(|name| value_of(one.to_bytes(), name).is_some()) {
                kept.extend_from_slice(one.to_bytes_with_nul());
            }
        }
        self.block = kept;
    }
}

fn value_of<'a>(variable: &'a [u8], name: &str) -> Option<&'a [u8]> {
    variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        let string = CStr::from_bytes_until_nul(self.rest).ok()?;
        self.rest = &self.rest[string.count_bytes() + 1..];
        Some(string)
    }
}

impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(strings: &Strings) -> Vec<&[u8]> {
        strings.iter().map(CStr::to_bytes).collect()
    }

    #[test]
    fn a_block_keeps_empty_strings_and_bytes_that_are_no_utf8() {
        let strings = Strings::of_block(b"sh\0\0\xff\xfe\0-c".to_vec());
        assert_eq!(texts(&strings), [b"sh".as_slice(), b"", b"\xff\xfe", b"-c"]);
        assert_eq!(strings.pointers().count(), 4);
        assert!(texts(&Strings::of_block(Vec::new())).is_empty());
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name_and_the_first_one_counts() {
        let strings = Strings::of_block(b"PATHS=1\0PATH\0PATH=a\0PATH=b\0".to_vec());
        assert_eq!(strings.variable("PATH"), Some(b"a".as_slice()));
        assert_eq!(strings.variable("PAT"), None);
    }

    #[test]
    fn variables_are_removed_by_their_whole_names() {
        let mut strings = Strings::of_block(b"A=1\0AB=2\0A=3\0A\xe9=4\0".to_vec());
        strings.remove_variables(&["A".into(), "X".into()]);
        strings.push(c"C=5");
        strings.append(&Strings::of_block(b"D=6".to_vec()));
        assert_eq!(texts(&strings), [b"AB=2".as_slice(), b"A\xe9=4", b"C=5", b"D=6"]);
    }
}
