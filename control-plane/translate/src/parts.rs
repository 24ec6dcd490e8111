//! Small pieces that several resources are put together from.

use std::net::IpAddr;
use std::time::Duration;

use ferro_xds_protos::wkt;
use prost::{Message, Name};

use crate::pb::core::{
    Address, AggregatedConfigSource, ApiVersion, CidrRange, ConfigSource, EnvoyInternalAddress, Metadata, Pipe,
    SocketAddress, address, config_source, envoy_internal_address, socket_address,
};
use crate::pb::listener::{AdditionalAddress, Filter, Listener, ListenerFilter, filter, listener_filter};
use crate::pb::wkt::Struct;
use crate::settings::Settings;

/// "From the stream that this came on", with the time Envoy waits for it.
pub(crate) fn ads(settings: &Settings) -> ConfigSource {
    ConfigSource {
        initial_fetch_timeout: Some(wkt::duration(settings.initial_fetch_timeout)),
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(config_source::ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

/// A TCP address; a name is allowed where Envoy resolves one.
pub(crate) fn socket_address(host: &str, port: u16) -> Address {
    Address { address: Some(address::Address::SocketAddress(tcp(host, port))) }
}

/// A TCP address on its own.
pub(crate) fn tcp(host: &str, port: u16) -> SocketAddress {
    SocketAddress {
        address: host.to_owned(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    }
}

/// A listener at a port of several addresses.
pub(crate) fn listening(hosts: &[&str], port: u16, listener: Listener) -> Listener {
    let mut addresses = hosts.iter().map(|host| socket_address(host, port));
    Listener {
        address: addresses.next(),
        additional_addresses: addresses
            .map(|address| AdditionalAddress { address: Some(address), ..AdditionalAddress::default() })
            .collect(),
        ..listener
    }
}

/// The path of a Unix socket.
pub(crate) fn pipe(path: &str) -> Address {
    Address { address: Some(address::Address::Pipe(Pipe { path: path.to_owned(), mode: 0 })) }
}

/// The address of an internal listener.
pub(crate) fn internal_address(listener: &str) -> Address {
    let name = envoy_internal_address::AddressNameSpecifier::ServerListenerName(listener.to_owned());
    let internal = EnvoyInternalAddress { address_name_specifier: Some(name), ..EnvoyInternalAddress::default() };
    Address { address: Some(address::Address::EnvoyInternalAddress(internal)) }
}

/// An address range.
pub(crate) fn range(first: IpAddr, prefix: u8) -> CidrRange {
    CidrRange { address_prefix: first.to_string(), prefix_len: Some(wkt::uint32(prefix.into())) }
}

/// The range that holds one address.
pub(crate) fn single(address: IpAddr) -> CidrRange {
    range(address, if address.is_ipv4() { 32 } else { 128 })
}

/// A network filter.
pub(crate) fn filter<M: Message + Name>(name: &str, config: &M) -> Filter {
    Filter { name: name.to_owned(), config_type: Some(filter::ConfigType::TypedConfig(wkt::any(config))) }
}

/// A listener filter.
pub(crate) fn listener_filter<M: Message + Name>(name: &str, config: &M) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(wkt::any(config))),
        ..ListenerFilter::default()
    }
}

/// Metadata under Istio's key, which dashboards and log formats read.
pub(crate) fn istio_metadata(fields: Struct) -> Metadata {
    Metadata { filter_metadata: [("istio".to_owned(), fields)].into(), ..Metadata::default() }
}

/// A timeout that is off.
pub(crate) const OFF: Duration = Duration::ZERO;
