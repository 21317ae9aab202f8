//! The log of a file: records, one after the other, in extents that lie where the file has grown.
