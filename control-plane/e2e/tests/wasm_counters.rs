//! The Wasm module in a real Envoy: its counters move, a new configuration keeps the VM, a wrong one is rejected.
//!
//! Envoy is configured statically with direct responses; the filter comes by ECDS from a file, as it comes from the
//! agent's relay in a mesh. Envoy is `$ENVOY`, else `dist/envoy`; the module `$FERRO_WASM`, else
//! `dist/ferro_filters.wasm`. Both are made by `make build`, and a test without them fails.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Slow machines need longer; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

const SOURCE: &str = r#"{"reporter":"source"}"#;
const DESTINATION: &str = r#"{"reporter":"destination"}"#;

#[test]
fn requests_are_counted_by_reporter_route_and_response_class() {
    let envoy = Envoy::start("classes", SOURCE);
    for path in ["/ok", "/ok", "/gone", "/unnamed", "/no-such-route", "/down"] {
        envoy.get(path);
    }
    let _upstream = envoy.hang_up_before_the_response();

    for (route, class, count) in [
        ("shop-ok", "2xx", 2),
        ("shop_gone.v1", "4xx", 1),
        ("", "2xx", 1),
        ("", "4xx", 1),
        ("down", "5xx", 1),
        ("silent", "none", 1),
    ] {
        envoy.wait_for_count("source", route, class, count);
    }
}

#[test]
fn counts_of_all_workers_add_up() {
    let envoy = Envoy::start("workers", DESTINATION);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| envoy.get_many("/ok", 250));
        }
    });
    envoy.wait_for_count("destination", "shop-ok", "2xx", 2000);
}

#[test]
fn a_new_configuration_keeps_the_vm_and_the_counts_not_yet_flushed() {
    let envoy = Envoy::start("update", SOURCE);
    let created = envoy.stat("wasm.envoy.wasm.runtime.v8.created");
    envoy.get_many("/ok", 5);
    envoy.configure(DESTINATION);
    envoy.wait_for_stat("extension_config_discovery.http_filter.ferro.config_reload", 2);
    envoy.get_many("/ok", 7);

    envoy.wait_for_count("source", "shop-ok", "2xx", 5);
    envoy.wait_for_count("destination", "shop-ok", "2xx", 7);
    let one_for_trying = created.map(|created| created + 1);
    assert_eq!(envoy.stat("wasm.envoy.wasm.runtime.v8.created"), one_for_trying, "the VMs that serve are the old ones");
}

#[test]
fn an_invalid_configuration_is_rejected_with_a_reason_and_the_old_one_keeps_counting() {
    let envoy = Envoy::start("invalid", SOURCE);
    envoy.configure(r#"{"reporter":"sideways"}"#);
    envoy.wait_for_stat("extension_config_discovery.http_filter.ferro.config_fail", 1);
    assert!(envoy.get("/ok").starts_with("HTTP/1.1 200"), "requests are served");
    envoy.wait_for_count("source", "shop-ok", "2xx", 1);
    let reason = r#""reporter" is "sideways"; allowed: source, destination"#;
    assert!(envoy.log().contains(reason), "the log says why:\n{}", envoy.log());
}

/// Every export is a crossing Envoy pays for, every kilobyte start-up time (wasm-filters.md, sections 2 and 4).
#[test]
fn the_module_is_small_and_exports_only_the_callbacks_it_uses() {
    let module = fs::read(module_path()).expect("the module is readable");
    assert!(module.len() <= 40 * 1024, "{} bytes", module.len());
    let mut functions = exported_functions(&module);
    functions.sort_unstable();
    let expected = [
        "proxy_abi_version_0_2_1",
        "proxy_on_configure",
        "proxy_on_context_create",
        "proxy_on_log",
        "proxy_on_memory_allocate",
        "proxy_on_tick",
    ];
    assert_eq!(functions, expected);
}

// === Envoy ===

/// A running Envoy with one listener and the filter; stopped and cleaned up when dropped.
struct Envoy {
    process: Child,
    folder: PathBuf,
    admin: SocketAddr,
    listener: SocketAddr,
    /// An upstream that accepts connections and never answers.
    silent: TcpListener,
}

impl Envoy {
    fn start(name: &str, configuration: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wasm-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of our own");
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        write_filter(&folder, configuration);
        let bootstrap = bootstrap(&folder, silent.local_addr().expect("bound"));
        fs::write(folder.join("bootstrap.yaml"), bootstrap).expect("written");

        let process = Command::new(envoy_path())
            .args(["--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"])
            .arg("-c")
            .arg(folder.join("bootstrap.yaml"))
            .arg("--log-path")
            .arg(folder.join("envoy.log"))
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Envoy starts");

        let mut envoy = Self { process, folder, admin: unspecified(), listener: unspecified(), silent };
        envoy.admin = envoy.wait_for("the admin port", |envoy| {
            fs::read_to_string(envoy.folder.join("admin")).ok()?.trim().parse().ok()
        });
        envoy.listener = envoy.wait_for("a live listener", |envoy| {
            let live = envoy.admin_get("/ready")?.starts_with("HTTP/1.1 200");
            let listeners = envoy.admin_get("/listeners")?;
            let address = listeners.lines().find_map(|line| line.strip_prefix("main::"))?;
            if live { address.trim().parse().ok() } else { None }
        });
        envoy
    }

    /// Replaces the filter's configuration as a file source does: written aside, then renamed.
    fn configure(&self, configuration: &str) {
        write_filter(&self.folder, configuration);
    }

    fn get(&self, path: &str) -> String {
        request(self.listener, path).expect("Envoy answers")
    }

    /// Sends requests one after another on one connection.
    fn get_many(&self, path: &str, requests: usize) {
        let mut connection = TcpStream::connect(self.listener).expect("Envoy accepts");
        connection.set_read_timeout(Some(PATIENCE)).expect("valid");
        for _ in 0..requests {
            write!(connection, "GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n").expect("Envoy reads");
            let mut response = Vec::new();
            while !response.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).expect("a response with headers only");
                response.push(byte[0]);
            }
        }
    }

    /// The result is the upstream's end; as long as it lives, the upstream has not failed.
    fn hang_up_before_the_response(&self) -> TcpStream {
        let mut connection = TcpStream::connect(self.listener).expect("Envoy accepts");
        connection.write_all(b"GET /silent HTTP/1.1\r\nhost: shop\r\n\r\n").expect("Envoy reads");
        let (upstream, _) = self.silent.accept().expect("the request arrives upstream");
        upstream
    }

    /// Waits until the merged counter of a label set has this value, as Prometheus would read it.
    fn wait_for_count(&self, reporter: &str, route: &str, class: &str, count: u64) {
        let labels = [("reporter", reporter), ("route", route), ("response_class", class)]
            .map(|(label, value)| format!("{label}=\"{value}\""));
        self.wait_for(&format!("{count} requests with {labels:?}"), |envoy| {
            let text = envoy.admin_get("/stats/prometheus")?;
            let line = text.lines().find(|line| {
                line.starts_with("ferro_requests_total{") && labels.iter().all(|label| line.contains(label))
            })?;
            (line.rsplit(' ').next() == Some(&count.to_string())).then_some(())
        });
    }

    fn wait_for_stat(&self, name: &str, value: u64) {
        self.wait_for(&format!("{name} to be {value}"), |envoy| (envoy.stat(name) == Some(value)).then_some(()));
    }

    fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.admin_get(&format!("/stats?filter=^{name}$"))?;
        stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok())
    }

    fn admin_get(&self, path: &str) -> Option<String> {
        request(self.admin, path)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("envoy.log")).unwrap_or_default()
    }

    fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            if Instant::now() > end {
                let counters = self.admin_get("/stats/prometheus?filter=ferro_").unwrap_or_default();
                panic!("waited in vain for {what}\ncounters:\n{counters}\nlog:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // The process may have ended by itself, which the test has noticed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

// === Files and paths ===

fn envoy_path() -> PathBuf {
    built("ENVOY", "dist/envoy")
}

fn module_path() -> PathBuf {
    built("FERRO_WASM", "dist/ferro_filters.wasm")
}

fn built(variable: &str, fallback: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = env::var_os(variable).map_or_else(|| workspace.join(fallback), PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `make build`, or set {variable}", path.display());
    path.canonicalize().expect("it exists")
}

fn write_filter(folder: &Path, configuration: &str) {
    let module = module_path();
    let filter = format!(
        "
resources:
- '@type': type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: ferro
  typed_config:
    '@type': type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
    config:
      name: ferro
      failure_policy: FAIL_RELOAD
      configuration: {{'@type': type.googleapis.com/google.protobuf.StringValue, value: '{configuration}'}}
      vm_config:
        vm_id: ferro
        runtime: envoy.wasm.runtime.v8
        code: {{local: {{filename: '{}'}}}}
",
        module.display()
    );
    let (aside, place) = (folder.join("filter.new"), folder.join("filter.yaml"));
    fs::write(&aside, filter).expect("written");
    fs::rename(aside, place).expect("renamed");
}

fn bootstrap(folder: &Path, silent: SocketAddr) -> String {
    let folder = folder.display();
    let silent_port = silent.port();
    format!(
        "
node: {{id: test, cluster: test}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}}}
stats_config:
  stats_tags:
  - {{tag_name: reporter, regex: '^wasmcustom\\.ferro_[a-z_]+.*?(;reporter=([^;]*))'}}
  - {{tag_name: route, regex: '^wasmcustom\\.ferro_[a-z_]+.*?(;route=([^;]*))'}}
  - {{tag_name: response_class, regex: '^wasmcustom\\.ferro_[a-z_]+.*?(;response_class=([^;]*))'}}
static_resources:
  clusters:
  - {{name: down, type: STATIC}}
  - name: silent
    type: STATIC
    load_assignment:
      cluster_name: silent
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address:
        {{address: 127.0.0.1, port_value: {silent_port}}}}}}}}}]}}]
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          http_filters:
          - name: ferro
            config_discovery:
              config_source: {{path_config_source: {{path: {folder}/filter.yaml}}}}
              type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]
          - name: envoy.filters.http.router
            typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: shop
              domains: ['*']
              routes:
              - {{name: shop-ok, match: {{prefix: /ok}}, direct_response: {{status: 200}}}}
              - {{name: 'shop;gone.v1', match: {{prefix: /gone}}, direct_response: {{status: 410}}}}
              - {{match: {{prefix: /unnamed}}, direct_response: {{status: 204}}}}
              - {{name: down, match: {{prefix: /down}}, route: {{cluster: down}}}}
              - {{name: silent, match: {{prefix: /silent}}, route: {{cluster: silent}}}}
"
    )
}

fn unspecified() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// One request on a connection of its own: the whole response.
fn request(address: SocketAddr, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(connection, "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").ok()?;
    let mut response = String::new();
    connection.read_to_string(&mut response).ok()?;
    Some(response)
}

// === The Wasm format ===

/// Names in the export section that stand for functions.
fn exported_functions(module: &[u8]) -> Vec<String> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0").expect("a Wasm module");
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let length = leb128(&mut rest);
        let mut body = rest.split_off(..length).expect("a whole section");
        if section == 7 {
            return (0..leb128(&mut body)).filter_map(|_| export(&mut body)).collect();
        }
    }
    Vec::new()
}

/// The next export's name if it is a function.
fn export(body: &mut &[u8]) -> Option<String> {
    let length = leb128(body);
    let name = body.split_off(..length).expect("a name").to_vec();
    let kind = *body.split_off_first().expect("a kind");
    leb128(body);
    (kind == 0).then(|| String::from_utf8(name).expect("names are UTF-8"))
}

fn leb128(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = *bytes.split_off_first().expect("a whole number");
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
