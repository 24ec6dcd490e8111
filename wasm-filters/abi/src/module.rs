//! What Envoy calls.

use std::borrow::Cow;

use crate::host::{self, Level};

/// Envoy's number of a context: a root context stands for one plugin configuration in one VM, the others for a stream.
/// Numbers are given out in order and not reused while the VM lives.
pub type ContextId = u32;

/// A configuration beyond this size is refused before it is read.
const CONFIGURATION_LIMIT: usize = 256 * 1024;

/// Why a configuration is refused, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub Cow<'static, str>);

/// The state of one VM and its callbacks. Only what [`export!`](crate::export) exports is ever called.
pub trait Module {
    /// A plugin's configuration, new or changed; `root` is a new context in both cases. Refusing makes Envoy reject the
    /// update (and, at the start, the whole configuration). The context that runs now is `root`.
    fn configure(&mut self, root: ContextId, configuration: &[u8]) -> Result<(), Refusal>;

    /// A stream of the plugin `root` begins.
    fn open(&mut self, stream: ContextId, root: ContextId);

    /// A stream ends and all its attributes are known. Envoy calls this once for every stream, local replies included.
    fn log(&mut self, stream: ContextId);

    /// The tick period of a root context has passed. Stops when the root context goes.
    fn tick(&mut self, root: ContextId);
}

/// Defines the exported functions of a Wasm module.
///
/// `$new` is a constant expression of the type `$module`, which implements [`Module`]. It becomes the state of the VM.
#[macro_export]
macro_rules! export {
    ($module:ty, $new:expr) => {
        ::std::thread_local! {
            static MODULE: ::std::cell::RefCell<$module> = const { ::std::cell::RefCell::new($new) };
        }

        /// Runs `callback` on the state. Envoy does not call back into a running callback, so the state is free; should
        /// it ever do so, the inner callback is skipped rather than trapping the VM.
        fn with_module<R: Default>(callback: impl FnOnce(&mut $module) -> R) -> R {
            MODULE.with(|module| module.try_borrow_mut().map(|mut module| callback(&mut module)).unwrap_or_default())
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_abi_version_0_2_1() {}

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
            $crate::allocate(size)
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
            with_module(|module| $crate::context_create(module, context, parent));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_configure(root: u32, length: usize) -> u32 {
            with_module(|module| u32::from($crate::configure(module, root, length)))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_tick(root: u32) {
            with_module(|module| $crate::Module::tick(module, root));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_log(stream: u32) {
            with_module(|module| $crate::Module::log(module, stream));
        }
    };
}

/// The body of `proxy_on_context_create`. Root contexts (those without a parent) become known when they are configured.
pub fn context_create<M: Module>(module: &mut M, context: ContextId, parent: ContextId) {
    if parent != 0 {
        module.open(context, parent);
    }
}

/// The body of `proxy_on_configure`: reads the configuration of `length` bytes, and logs why it is refused.
pub fn configure<M: Module>(module: &mut M, root: ContextId, length: usize) -> bool {
    let outcome = if length > CONFIGURATION_LIMIT {
        Err(Refusal("the configuration is larger than 256 KiB".into()))
    } else if length == 0 {
        module.configure(root, &[])
    } else {
        host::plugin_configuration(length, |configuration| module.configure(root, configuration))
            .unwrap_or(Err(Refusal("the configuration cannot be read".into())))
    };
    match outcome {
        Ok(()) => true,
        Err(Refusal(reason)) => {
            let mut line = String::from("ferro_filters refuses its configuration: ");
            line.push_str(&reason);
            host::log(Level::Error, &line);
            false
        }
    }
}
