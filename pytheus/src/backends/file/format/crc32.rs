//! The checksum of headers and records: CRC-32/ISO-HDLC of the [catalogue of CRC
//! algorithms](https://reveng.sourceforge.io/crc-catalogue/17plus.htm), as in gzip and PNG ([RFC 1952,
//! 8](https://www.rfc-editor.org/rfc/rfc1952#section-8)).

/// Remainder of each byte.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // Below 256.
        #[allow(clippy::cast_possible_truncation, reason = "below 256")]
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
};

/// Returns the checksum of these pieces, one after the other.
pub(crate) fn crc32(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().copied().flatten();
    !bytes.fold(!0, |rest, byte| rest >> 8 ^ TABLE[usize::from(rest.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_checksum_matches_the_catalogue() {
        assert_eq!(crc32(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[]), 0);
    }
}
