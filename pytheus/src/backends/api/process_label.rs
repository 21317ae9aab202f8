//! How processes are told apart where each has a series of its own.

/// Returns the value of the label `pid` for a process: its number, followed by the first eight characters of `id` when
/// there is one, as in `1-3f9ac2d1`.
///
/// A number alone is not enough wherever two processes may have the same one at a time: in two PID namespaces, as of
/// containers; on two machines; and when a program and a plug-in with a copy of this crate each count in one process. A
/// backend that can't rule that out passes an `id` that no other process has, such as that of its
/// [`WriterId`](crate::backends::custom::WriterId). Whether it does must not change while the process lives: its series would be renamed.
///
/// ```
/// use pytheus::backends::custom::process_label;
///
/// assert_eq!(process_label(4711, None), "4711");
/// assert_eq!(process_label(1, Some("3f9ac2d1a9b8c7d6")), "1-3f9ac2d1");
/// ```
pub fn process_label(pid: u32, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{pid}-{}", id.get(..8).unwrap_or(id)),
        None => pid.to_string(),
    }
}
