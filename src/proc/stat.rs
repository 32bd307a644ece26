//! Parses /proc/PID/stat, see proc_pid_stat(5).

/// Returns a field by its number in the man page, from 3 on. Field 2, the program's name, may hold blanks and
/// parentheses, so the count begins after its last parenthesis.
pub fn field(stat: &str, number: usize) -> Option<&str> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_after_a_hostile_program_name() {
        assert_eq!(field("7 (a) 9 9 9 9) S 1 7 7 34817 7", 3), Some("S"));
        assert_eq!(field("7 (a) 9 9 9 9) S 1 7 7 34817 7", 7), Some("34817"));
        assert_eq!(field("7 (a) S 1", 52), None);
        assert_eq!(field("", 3), None);
    }
}
