use super::*;

#[test]
fn maps_are_checked() {
    let limits = Limits { segments: 3, sparse_size: 1000, ..Limits::default() };
    let check = |numbers: &[u64], real: u64, stored: u64, expected: Result<&[(u64, u64)], MapError>| {
        let found = segments(numbers, real, stored, &limits)
            .map(|found| found.iter().map(|segment| (segment.offset, segment.len)).collect::<Vec<_>>());
        assert_eq!(found, expected.map(<[_]>::to_vec), "{numbers:?}");
    };
    let wrong = |why| Err(MapError::Malformed(why));
    check(&[], 0, 0, Ok(&[]));
    check(&[], 1000, 0, Ok(&[]));
    check(&[0, 0], 0, 0, Ok(&[]));
    check(&[5, 0, 5, 0], 5, 0, Ok(&[]));
    check(&[0, 8], 8, 8, Ok(&[(0, 8)]));
    check(&[0, 4, 4, 4, 8, 0], 8, 8, Ok(&[(0, 4), (4, 4)]));
    check(&[1, 4, 6, 2], 8, 6, Ok(&[(1, 4), (6, 2)]));
    check(&[0, 9], 8, 9, wrong("its sparse map runs past the end of the file"));
    check(&[9, 0], 8, 0, wrong("its sparse map runs past the end of the file"));
    check(&[u64::MAX, 1], 8, 1, wrong("its sparse map runs past 64 bits"));
    check(&[4, 4, 0, 4], 8, 8, wrong("its sparse map overlaps itself or is out of order"));
    check(&[0, 4, 3, 4], 8, 8, wrong("its sparse map overlaps itself or is out of order"));
    check(&[0, 4, 3, 0], 8, 4, wrong("its sparse map overlaps itself or is out of order"));
    check(&[0, 4], 8, 5, wrong("its sparse map covers another number of bytes than are stored"));
    check(&[0, 4], 8, 3, wrong("its sparse map covers another number of bytes than are stored"));
    check(&[0, 4, 4], 8, 4, wrong("its sparse map is cut short"));
    check(&[], 1001, 0, Err(MapError::Size(1001)));
    check(&[0, 1, 1, 1, 2, 1, 3, 1], 8, 4, Err(MapError::Segments(4)));
}

#[test]
fn the_map_before_the_data_may_be_cut_anywhere() {
    let text: String =
        std::iter::once("300".to_owned()).chain((0..600).map(|n| n.to_string())).map(|n| n + "\n").collect();
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    let mut map = TextMap::default();
    let blocks = bytes.chunks_exact(BLOCK).map(|block| block.try_into().unwrap());
    let done: Vec<bool> = blocks.map(|block| map.push(block, &Limits::default()).unwrap()).collect();
    assert_eq!(done.iter().position(|done| *done), Some(done.len() - 1));
    assert_eq!(map.numbers, (0..600).collect::<Vec<_>>());
}
