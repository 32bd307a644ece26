//! Parts of Node-API that every subject uses: arguments, errors, promises, the event loop.

pub mod error;
pub mod event_loop;
pub mod fast_call;
pub mod host;
pub mod promise;
pub mod strings;
pub mod weak;
pub mod worker_descriptors;
