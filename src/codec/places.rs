//! Where a byte stands in a text, sixteen bytes at a time: lines and fields are short, and to begin a search for the end of each
//! takes longer than the search.

use wide::u8x16;

/// How many bytes are looked at together.
const CHUNK: usize = 16;

/// How many chunks are looked at before it is worth to search in larger pieces.
const NEAR: usize = 8;

/// A bit for each byte of a chunk that is this one, the lowest for the first.
#[inline]
fn places(chunk: &[u8; CHUNK], byte: u8) -> u32 {
    u8x16::new(*chunk).simd_eq(u8x16::splat(byte)).to_bitmask()
}

/// The same for the rest of a text, which is behind its last whole chunk.
#[inline]
fn places_in_rest(text: &[u8], rest: &[u8], byte: u8) -> u32 {
    match text.last_chunk() {
        // Without the bytes that are in the whole chunks too.
        Some(last) => places(last, byte) >> (CHUNK - rest.len()),
        None => places_in_short(text, byte),
    }
}

/// How many bytes [`places_in_window`] looks at.
pub(super) const WINDOW: usize = 4 * CHUNK;

/// A bit for each of the first bytes of what is behind some windows of a text, up to its end or a window's.
#[inline]
pub(super) fn places_in_window(text: &[u8], behind: &[u8], byte: u8) -> u64 {
    let (chunks, rest) = behind.as_chunks();
    let mut found = 0;
    for (chunk, at) in chunks.iter().zip((0..WINDOW).step_by(CHUNK)) {
        found |= u64::from(places(chunk, byte)) << at;
    }
    if behind.len() < WINDOW {
        found |= u64::from(places_in_rest(text, rest, byte)) << (CHUNK * chunks.len());
    }
    found
}

fn places_in_short(text: &[u8], byte: u8) -> u32 {
    text.iter().rev().fold(0, |places, one| places << 1 | u32::from(*one == byte))
}

/// The first place of a byte, which is probably near.
#[inline]
pub(super) fn find_near(text: &[u8], byte: u8) -> Option<usize> {
    let (chunks, _) = text.as_chunks();
    for (chunk, at) in chunks.iter().take(NEAR).zip((0..).step_by(CHUNK)) {
        let places = places(chunk, byte);
        if places != 0 {
            return Some(at + places.trailing_zeros() as usize);
        }
    }
    find_far(text, byte)
}

#[inline(never)]
fn find_far(text: &[u8], byte: u8) -> Option<usize> {
    let near = text.len().min(CHUNK * NEAR) / CHUNK * CHUNK;
    memchr::memchr(byte, &text[near..]).map(|at| near + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_place_is_that_of_memchr(text in prop::collection::vec(0_u8..20, 0..400), byte in 0_u8..21) {
            prop_assert_eq!(find_near(&text, byte), memchr::memchr(byte, &text));
        }

        #[test]
        fn all_places_are_found(text in prop::collection::vec(0_u8..3, 0..200)) {
            for at in (0..=text.len()).step_by(WINDOW) {
                let found = places_in_window(&text, &text[at..], 1);
                for place in 0..WINDOW {
                    prop_assert_eq!(found >> place & 1 == 1, text.get(at + place) == Some(&1), "{}", at + place);
                }
            }
        }
    }
}
