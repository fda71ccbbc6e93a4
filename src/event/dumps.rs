//! What is said of dumps that are read.

super::row::table! {
    Class NEEDS_KEYMAP = "needs_keymap" [] "encode.md 12"
        "a file whose name is in SHA form, and no KEYMAP has what it stands for"
}
