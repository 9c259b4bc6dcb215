//! Every range that must not be reached, its neighbours that may be, and every way to write an address.

use super::*;

fn permits(url: &str) -> bool {
    check_literal(&Url::parse(url).unwrap(), Reach::PublicOnly).is_ok()
}

#[test]
fn closed_ranges_are_closed_to_their_edges_and_not_beyond() {
    for (first, last, below, above) in [
        ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
        ("10.0.0.0", "10.255.255.255", Some("9.255.255.255"), Some("11.0.0.0")),
        ("100.64.0.0", "100.127.255.255", Some("100.63.255.255"), Some("100.128.0.0")),
        ("127.0.0.0", "127.255.255.255", Some("126.255.255.255"), Some("128.0.0.0")),
        ("168.63.129.16", "168.63.129.16", Some("168.63.129.15"), Some("168.63.129.17")),
        ("169.254.0.0", "169.254.255.255", Some("169.253.255.255"), Some("169.255.0.0")),
        ("172.16.0.0", "172.31.255.255", Some("172.15.255.255"), Some("172.32.0.0")),
        ("192.0.0.0", "192.0.0.255", Some("191.255.255.255"), Some("192.0.1.0")),
        ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
        ("192.31.196.0", "192.31.196.255", Some("192.31.195.255"), Some("192.31.197.0")),
        ("192.88.99.0", "192.88.99.255", Some("192.88.98.255"), Some("192.88.100.0")),
        ("192.168.0.0", "192.168.255.255", Some("192.167.255.255"), Some("192.169.0.0")),
        ("192.175.48.0", "192.175.48.255", Some("192.175.47.255"), Some("192.175.49.0")),
        ("198.18.0.0", "198.19.255.255", Some("198.17.255.255"), Some("198.20.0.0")),
        ("198.51.100.0", "198.51.100.255", Some("198.51.99.255"), Some("198.51.101.0")),
        ("203.0.113.0", "203.0.113.255", Some("203.0.112.255"), Some("203.0.114.0")),
        ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
        ("::", "::ffff:ffff", None, None),
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255", None, None),
        ("::ffff:0:0:0", "::ffff:0:ffff:ffff", None, None),
        ("64:ff9b::", "64:ff9b::ffff:ffff", None, Some("64:ff9b::1:0:0")),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", None, Some("64:ff9b:2::")),
        ("100::", "100::ffff:ffff:ffff:ffff", None, Some("100:0:0:1::")),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2000:ffff::"), Some("2001:200::")),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some("2001:db7::1"), Some("2001:db9::")),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None, Some("2003::")),
        ("2620:4f:8000::", "2620:4f:8000:ffff::", Some("2620:4f:7fff::"), Some("2620:4f:8001::")),
        ("3ffe::", "3ffe:ffff::", Some("3ffd::"), None),
        ("3fff::", "3fff:fff::", None, Some("3fff:1000::")),
        ("5f00::", "5f00:ffff::", Some("5eff::"), Some("5f01::")),
        ("fc00::", "fdff:ffff::", Some("fbff::"), Some("fe00::")),
        ("fe80::", "febf:ffff::", Some("fe7f::"), None),
        ("fec0::", "feff:ffff::", None, None),
        ("ff00::", "ffff::", None, None),
    ] {
        for closed in [first, last] {
            assert!(!Reach::PublicOnly.permits(closed.parse().unwrap()), "{closed} must be closed");
            assert!(Reach::Anywhere.permits(closed.parse().unwrap()));
        }
        for open in [below, above].into_iter().flatten() {
            assert!(Reach::PublicOnly.permits(open.parse().unwrap()), "{open} must be open");
        }
    }
}

/// The addresses that clouds serve their machines' credentials on, and others worth a line of their own.
#[test]
fn addresses_of_ill_repute_are_closed() {
    for (ip, what) in [
        ("169.254.169.254", "metadata of AWS, Azure, GCP and most others"),
        ("169.254.170.2", "credentials of ECS tasks"),
        ("fd00:ec2::254", "metadata of AWS over IPv6"),
        ("fd20:ce::254", "metadata of GCP over IPv6"),
        ("100.100.100.200", "metadata of Alibaba Cloud"),
        ("192.0.0.192", "metadata of Oracle Cloud"),
        ("168.63.129.16", "the Azure host"),
        ("::ffff:169.254.169.254", "mapped"),
        ("::169.254.169.254", "compatible"),
        ("::ffff:0:169.254.169.254", "translated"),
        ("64:ff9b::169.254.169.254", "NAT64"),
        ("64:ff9b:1::169.254.169.254", "local NAT64"),
        ("2002:a9fe:a9fe::1", "6to4"),
        ("2001:0:a9fe:a9fe::1", "Teredo, as its server"),
        ("2001:0:4136:e378:8000:63bf:5601:5601", "Teredo, as its client (169.254.169.254 inverted)"),
        ("255.255.255.255", "broadcast"),
        ("0.0.0.0", "unspecified, which Linux dials as this host"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
    ] {
        assert!(!Reach::PublicOnly.permits(ip.parse().unwrap()), "{ip}: {what}");
    }
    for ip in ["169.253.255.255", "168.63.129.15", "100.63.255.255", "192.0.1.1", "2003::1", "2606:4700::1111"] {
        assert!(Reach::PublicOnly.permits(ip.parse().unwrap()), "{ip} must be open");
    }
}

#[test]
fn however_a_private_address_is_written_it_is_refused() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "00000177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
        "169.254.169.254",
        "169.254.43518",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "012.0.0.1",
        "192.168.1",
        "0",
        "0x0",
        "[::]",
        "255.255.255.255",
        "4294967295",
    ] {
        assert!(!permits(&format!("https://{host}/hook")), "{host}");
        assert!(!permits(&format!("https://{host}:8443/hook")), "{host}");
    }
    for host in
        ["93.184.215.14", "1.1.1.1", "0x01010101", "16843009", "[2606:4700::1111]", "api.example.com", "localhost"]
    {
        assert!(permits(&format!("https://{host}/hook")), "{host}: names are the resolver's business");
    }
    for no_url in ["[fe80::1%25eth0]", "[fe80::1%eth0]", "256.0.0.1", "127.0.0.1.1", "[127.0.0.1]", "4294967296"] {
        assert!(Url::parse(&format!("https://{no_url}/")).is_err(), "{no_url} is no URL");
    }
}

#[test]
fn refusals_name_the_setting_and_the_host_only() {
    let url = Url::parse("https://10.0.0.1/secret-path?token=abc").unwrap();
    let error = check_literal(&url, Reach::PublicOnly).unwrap_err();
    assert_eq!(error.class, FailureClass::ChannelBroken);
    assert!(error.detail.contains("allow_private") && error.detail.contains("10.0.0.1"), "{error}");
    assert!(!error.detail.contains("secret-path") && !error.detail.contains("token"), "{error}");
}

#[tokio::test]
async fn names_that_resolve_to_private_addresses_are_refused() {
    let guard = |reach| AddressGuard { reach, lookup: Arc::new(SystemLookup) };
    let resolve = |reach| guard(reach).resolve("localhost".parse().unwrap());
    let refused = resolve(Reach::PublicOnly).await.err().unwrap();
    assert!(refused.downcast_ref::<Refused>().is_some(), "{refused}");
    for reach in [Reach::Anywhere, Reach::LoopbackOnly] {
        assert!(resolve(reach).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}

#[test]
fn plain_http_reaches_this_host_only() {
    for (ip, permitted) in [
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false),
        ("1.1.1.1", false),
    ] {
        assert_eq!(Reach::LoopbackOnly.permits(ip.parse().unwrap()), permitted, "{ip}");
    }
}
