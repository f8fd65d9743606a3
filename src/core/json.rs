//! JSON, read into and written from a [].
