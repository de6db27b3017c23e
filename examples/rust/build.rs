//! Where libzeropool.so is, if it is not where the linker looks by itself: ZEROPOOL_LIBDIR.

fn main() {
    println!("cargo:rerun-if-env-changed=ZEROPOOL_LIBDIR");
    if let Ok(folder) = std::env::var("ZEROPOOL_LIBDIR") {
        println!("cargo:rustc-link-search=native={folder}");
    }
}
