use super::lock;

#[test]
fn only_one_command_at_a_time_starts_and_stops_a_mesh() {
    let folder = tempfile::tempdir().unwrap();
    let first = lock(folder.path()).unwrap();
    let second = lock(folder.path()).unwrap_err().to_string();
    assert!(second.contains("right now") && second.contains(&folder.path().display().to_string()), "{second}");
    drop(first);
    lock(folder.path()).unwrap();
}
