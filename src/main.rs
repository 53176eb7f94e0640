//! The `portcullis` binary; everything is in the library.

/// A request allocates some hundred times; the system's allocator took a fifth of its time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::run()
}
