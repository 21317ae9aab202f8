//! Buffers of text: a string, or the bytes of a body.

/// Takes text at its end.
pub(crate) trait TextOut: Default {
    /// Appends a text.
    fn push_str(&mut self, text: &str);

    /// Appends a character of ASCII.
    fn push_ascii(&mut self, byte: u8);

    /// Returns the length in bytes.
    fn len(&self) -> usize;

    /// Shortens it to this length, which an earlier call of [`len`](Self::len) gave.
    fn truncate(&mut self, len: usize);

    /// Appends texts.
    fn push_all<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        texts.into_iter().for_each(|text| self.push_str(text));
    }
}

impl TextOut for String {
    #[inline]
    fn push_str(&mut self, text: &str) {
        self.push_str(text);
    }

    #[inline]
    fn push_ascii(&mut self, byte: u8) {
        self.push(char::from(byte));
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

impl TextOut for Vec<u8> {
    #[inline]
    fn push_str(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn push_ascii(&mut self, byte: u8) {
        self.push(byte);
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}
