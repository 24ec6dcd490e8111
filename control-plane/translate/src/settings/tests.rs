use super::{InvalidHash, ModuleHash};

#[test]
fn a_hash_is_64_digits_and_prints_as_such() {
    let text = "00ff".repeat(16);
    assert_eq!(text.parse::<ModuleHash>().map(|hash| hash.to_string()), Ok(text.clone()));
    assert_eq!(text.to_uppercase().parse::<ModuleHash>().map(|hash| hash.to_string()), Ok(text));
}

#[test]
fn what_is_no_hash_is_refused() {
    for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32), &format!("+{}", "0".repeat(63))] {
        assert_eq!(text.parse::<ModuleHash>(), Err(InvalidHash), "{text}");
    }
}
