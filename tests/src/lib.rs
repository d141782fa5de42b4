//! Helpers that the cross-package tests share.
