//! Sequence number arithmetic modulo 2^32 (RFC 9293 section 3.4).

/// Whether `a` comes before `b`.
pub(crate) const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Whether `a` comes after `b`.
pub(crate) const fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

/// The later of two.
pub(crate) const fn later(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

/// Whether the ranges `a` and `b`, ends excluded, touch or overlap.
pub(crate) const fn touch(a: (u32, u32), b: (u32, u32)) -> bool {
    !before(a.1, b.0) && !before(b.1, a.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        assert!(before(u32::MAX, 0));
        assert!(after(5, u32::MAX - 5));
        assert!(touch((u32::MAX - 1, 1), (1, 4)));
        assert!(!touch((0, 1), (2, 3)));
    }
}
