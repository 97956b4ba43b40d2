//! Tests who gets the database's password. The fake servers say that they have no TLS and then
//! ask for the password, as an attacker on the network could.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

use ocds_ingest::database::local::{DATABASE, Options, Server};
use ocds_ingest::error::{Error, Kind};

use crate::database::{connect, make_open_directory, volatile_options};
use crate::harness::TEST_TIMEOUT;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Authentication requests of the protocol.
const CLEARTEXT: u32 = 3;
const MD5: u32 = 5;

/// Returns an address of this machine that is not loopback, so it counts as another host.
fn find_outer_address() -> Option<IpAddr> {
    // Nothing is sent: the system only selects the sender's address.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let found = socket
        .connect("198.51.100.1:9")
        .and_then(|()| socket.local_addr());
    let address = found.map(|address| address.ip()).ok();
    let address = address.filter(|it| !it.is_loopback() && !it.is_unspecified());
    if address.is_none() {
        eprintln!("skipped: this machine has no address but loopback");
    }
    address
}

/// Starts a server without TLS that asks for a password. The channel receives what each client
/// sends then.
fn serve_password_request(address: IpAddr, request: u32) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Clients that disconnect earlier, because they require TLS, send nothing.
        for stream in listener.incoming() {
            if let Ok(sent) = handle_client(stream.unwrap(), request)
                && sender.send(sent).is_err()
            {
                return;
            }
        }
    });
    (port, receiver)
}

fn handle_client(mut stream: TcpStream, request: u32) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(TEST_TIMEOUT))?;
    let mut startup = read_startup(&mut stream)?;
    if startup.len() == 4 {
        stream.write_all(b"N")?;
        startup = read_startup(&mut stream)?;
    }
    assert!(startup.len() > 4);
    let salt: &[u8] = if request == MD5 { b"salt" } else { b"" };
    let length = u32::try_from(8 + salt.len()).unwrap();
    let message = [
        &b"R"[..],
        &length.to_be_bytes(),
        &request.to_be_bytes(),
        salt,
    ]
    .concat();
    stream.write_all(&message)?;
    let mut sent = vec![0; 1000];
    let count = stream.read(&mut sent).unwrap_or(0);
    sent.truncate(count);
    Ok(sent)
}

/// Reads a message without a type, and returns what follows its length.
fn read_startup(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut rest = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
    stream.read_exact(&mut rest)?;
    Ok(rest)
}

fn url(host: IpAddr, port: u16, options: &str) -> String {
    format!("postgresql://ocds:hunter2@{host}:{port}/ocds?{options}")
}

/// Connects to a server that asks for a password. Returns the error and what the server received.
async fn try_connect(host: IpAddr, request: u32, options: &str) -> (Error, Vec<u8>) {
    let (port, received) = serve_password_request(host, request);
    let error = connect(&url(host, port, options)).await.unwrap_err();
    let received =
        tokio::task::spawn_blocking(move || received.recv_timeout(TEST_TIMEOUT).unwrap());
    (error, received.await.unwrap())
}

fn contains_password(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|it| it == b"hunter2")
}

#[tokio::test]
async fn a_server_without_tls_gets_no_password_over_the_network() {
    let Some(host) = find_outer_address() else {
        return;
    };
    for (request, named) in [(CLEARTEXT, "password"), (MD5, "md5")] {
        for options in ["", "sslmode=disable", "sslmode=prefer", "require_auth=!gss"] {
            let (error, received) = try_connect(host, request, options).await;
            let sent = String::from_utf8_lossy(&received).into_owned();
            assert!(received.is_empty(), "{options}: the server got {sent:?}");
            assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
            let said = error.chain();
            for part in ["sslmode=verify-full", &format!("require_auth={named}")] {
                assert!(said.contains(part), "{said}");
            }
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[tokio::test]
async fn an_address_beside_a_socket_does_not_turn_tls_off() {
    let Some(host) = find_outer_address() else {
        return;
    };
    let (port, received) = serve_password_request(host, CLEARTEXT);
    let list = format!(
        "host=/nowhere hostaddr={host} port={port} user=ocds password=hunter2 sslmode=verify-full"
    );
    let error = connect(&list).await.unwrap_err();
    assert!(
        received.try_recv().is_err(),
        "the server was spoken to without TLS"
    );
    assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
    assert!(error.to_string().contains("hostaddr"), "{error}");
}

#[tokio::test]
async fn a_clear_text_password_is_sent_only_if_the_url_allows_it() {
    let Some(host) = find_outer_address() else {
        return;
    };
    let (_, received) = try_connect(host, CLEARTEXT, "require_auth=password").await;
    assert!(contains_password(&received), "{received:?}");
    let (_, received) = try_connect(host, MD5, "require_auth=scram-sha-256,md5").await;
    assert!(received.windows(3).any(|it| it == b"md5"), "{received:?}");
    for (request, list) in [
        (CLEARTEXT, "md5"),
        (MD5, "password"),
        (MD5, "scram-sha-256"),
    ] {
        let (error, received) = try_connect(host, request, &format!("require_auth={list}")).await;
        assert!(received.is_empty(), "{list}: {received:?}");
        let said = error.chain();
        assert!(said.contains(&format!("require_auth={list}")), "{said}");
    }
}

#[tokio::test]
async fn require_auth_is_obeyed_on_this_machine_too() {
    let (_, received) = try_connect(LOOPBACK, CLEARTEXT, "").await;
    assert!(contains_password(&received), "{received:?}");
    for (request, list) in [
        (MD5, "scram-sha-256"),
        (CLEARTEXT, "!password"),
        (MD5, "none"),
    ] {
        let (error, received) =
            try_connect(LOOPBACK, request, &format!("require_auth={list}")).await;
        assert!(received.is_empty(), "{list}: {received:?}");
        assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
    }
}

fn check_connection(url: &str, variables: &[(&str, &str)]) -> Output {
    run_check(&["--connect"], url, variables)
}

fn run_check(options: &[&str], url: &str, variables: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_ocds-ingest"))
        .arg("check")
        .args(options)
        .current_dir(directory.path())
        .env_remove("RUST_LOG")
        .env_remove("PGREQUIREAUTH")
        .env("DATABASE_URL", url)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_program_warns_if_a_server_is_not_verified() {
    let Some(host) = find_outer_address() else {
        return;
    };
    let (port, _received) = serve_password_request(host, MD5);
    let (loopback_port, _received_too) = serve_password_request(LOOPBACK, MD5);
    let without_password = format!("postgresql://ocds@{host}:{port}/ocds");
    for (url, is_warned, code) in [
        (url(host, port, ""), true, 2),
        (url(host, port, "sslmode=prefer"), true, 2),
        (url(host, port, "sslmode=disable"), true, 2),
        (url(host, port, "sslmode=require"), true, 2),
        (url(host, port, "sslmode=verify-full"), false, 2),
        (url(host, port, "channel_binding=require"), false, 2),
        (without_password, false, 2),
        // True: the server receives an answer and closes the connection.
        (url(LOOPBACK, loopback_port, ""), false, 3),
    ] {
        let output = run_check(&[], &url, &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let unasked = String::from_utf8(output.stderr).unwrap();
        assert_eq!(unasked.contains("write sslmode=verify-full"), is_warned);
        let output = check_connection(&url, &[]);
        let log = String::from_utf8(output.stderr).unwrap();
        let warnings = log.lines().filter(|line| line.contains("WARN")).count();
        assert_eq!(warnings, usize::from(is_warned), "{url}: {log}");
        assert_eq!(
            log.contains("write sslmode=verify-full"),
            is_warned,
            "{log}"
        );
        assert_eq!(output.status.code(), Some(code), "{url}: {log}");
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(
            !log.contains("hunter2") && !answer.contains("hunter2"),
            "{log}{answer}"
        );
    }
}

#[test]
fn the_environment_can_require_an_authentication_method() {
    let (port, received) = serve_password_request(LOOPBACK, MD5);
    let plain = url(LOOPBACK, port, "");
    let output = check_connection(&plain, &[("PGREQUIREAUTH", "scram-sha-256")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(received.recv_timeout(TEST_TIMEOUT).unwrap().is_empty());
    // The URL takes precedence over the environment.
    let told = url(LOOPBACK, port, "require_auth=md5");
    check_connection(&told, &[("PGREQUIREAUTH", "scram-sha-256")]);
    assert!(!received.recv_timeout(TEST_TIMEOUT).unwrap().is_empty());
    let output = check_connection(&plain, &[("PGREQUIREAUTH", "hunter3")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.contains("PGREQUIREAUTH") && !said.contains("hunter3"),
        "{said}"
    );
}

/// Starts a real server that accepts passwords over TCP, without TLS.
async fn start_with_passwords(directory: &Path, host: IpAddr) -> (Server, u16) {
    let rules = directory.join("hba");
    std::fs::write(
        &rules,
        format!(
            "local all all trust\n\
             host all with_md5 {host}/32 md5\n\
             host all in_clear {host}/32 password\n\
             host all with_scram {host}/32 scram-sha-256\n\
             host all trusted {host}/32 trust\n"
        ),
    )
    .unwrap();
    let port = TcpListener::bind((host, 0)).unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let server = Server::start(&Options {
        settings: vec![
            ("listen_addresses".into(), host.to_string()),
            ("port".into(), number.to_string()),
            ("hba_file".into(), rules.display().to_string()),
        ],
        ..volatile_options(&directory.join("pg"))
    })
    .await
    .unwrap();
    let admin = connect(&server.url(DATABASE)).await.unwrap();
    for sql in [
        "set password_encryption = 'md5'",
        "create role with_md5 login password 'hunter2'",
        "set password_encryption = 'scram-sha-256'",
        "create role in_clear login password 'hunter2'",
        "create role with_scram login password 'hunter2'",
        "create role trusted login",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
    (server, number)
}

#[tokio::test]
async fn a_server_without_tls_gets_only_a_scram_proof() {
    let Some(host) = find_outer_address() else {
        return;
    };
    let directory = make_open_directory();
    let (server, port) = start_with_passwords(directory.path(), host).await;
    for (user, options, is_let_in) in [
        ("with_scram", "", true),
        ("with_scram", "require_auth=scram-sha-256", true),
        ("with_scram", "require_auth=md5", false),
        ("with_md5", "", false),
        ("with_md5", "require_auth=md5", true),
        ("in_clear", "", false),
        ("in_clear", "require_auth=password", true),
        ("in_clear", "require_auth=md5", false),
        ("trusted", "", true),
        ("trusted", "require_auth=scram-sha-256", false),
        ("trusted", "require_auth=scram-sha-256,none", true),
    ] {
        let url = format!("postgresql://{user}:hunter2@{host}:{port}/ocds?{options}");
        match connect(&url).await {
            Ok(_) => assert!(is_let_in, "{user} {options}"),
            Err(error) => {
                assert!(!is_let_in, "{user} {options}: {}", error.chain());
                assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
            }
        }
    }

    // Check the Unix socket, and a list of hosts of which the first that works is used.
    let socket = directory.path().join("pg/socket");
    let socket = socket.display();
    for (hosts, user, options, is_let_in) in [
        (format!("{socket}"), "ocds", "", true),
        (format!("{socket}"), "ocds", "require_auth=none", true),
        (
            format!("{socket}"),
            "ocds",
            "require_auth=scram-sha-256",
            false,
        ),
        (
            format!("{socket},{host}"),
            "with_scram",
            "require_auth=scram-sha-256",
            true,
        ),
        (format!("{host},{socket}"), "with_md5", "", true),
        (
            format!("/nowhere,{socket}"),
            "ocds",
            "require_auth=none",
            true,
        ),
        ("/nowhere".into(), "ocds", "require_auth=none", false),
    ] {
        let list =
            format!("host={hosts} port={port} user={user} password=hunter2 dbname=ocds {options}");
        let connected = connect(&list).await;
        let said = connected.err().map(|error| error.chain());
        assert_eq!(said.is_none(), is_let_in, "{list}: {said:?}");
    }
    server.stop().await.unwrap();
}
