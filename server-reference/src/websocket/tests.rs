#[cfg(test)]
mod _t {}
