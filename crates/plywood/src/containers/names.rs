/// How wood can be.
const HOW: [&str; 32] = [
    "aged",
    "ashen",
    "bent",
    "birdseye",
    "blond",
    "bright",
    "broad",
    "burly",
    "carved",
    "curly",
    "dark",
    "dry",
    "fine",
    "flamed",
    "fresh",
    "glued",
    "green",
    "hollow",
    "knotty",
    "light",
    "oiled",
    "pale",
    "planed",
    "quartered",
    "red",
    "rough",
    "sawn",
    "smooth",
    "solid",
    "tall",
    "waxed",
    "young",
];

/// What wood is of.
const WHAT: [&str; 32] = [
    "acacia", "alder", "apple", "ash", "aspen", "balsa", "beech", "birch", "box", "cedar", "cherry",
    "cypress", "ebony", "elder", "elm", "fir", "hazel", "hickory", "juniper", "larch", "linden", "maple",
    "oak", "olive", "pear", "pine", "plum", "poplar", "rowan", "spruce", "walnut", "willow",
];

/// Two words and a number, for a container that nobody named.
pub(super) fn draw([how, what, high, low]: [u8; 4]) -> String {
    let word =
        |of: &[&'static str; 32], byte: u8| of.get(usize::from(byte % 32)).copied().unwrap_or_default();
    format!("{}_{}_{}", word(&HOW, how), word(&WHAT, what), u16::from_be_bytes([high, low]) % 1000)
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn every_draw_is_a_name() {
        for byte in 0..=255 {
            let name = draw([byte, byte.rotate_left(3), byte, 255 - byte]);
            assert!(ply_store::is_container_name(&name), "{name}");
        }
        assert_eq!(draw([0, 33, 0, 7]), "aged_alder_7");
    }
}
