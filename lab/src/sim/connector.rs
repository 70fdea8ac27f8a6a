//! The SDK's way to the store: hyper's client with its pool, as in the product, over the simulated network.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region, RuntimeComponents};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{sleep, timeout};
use valthree::store::s3::{Address, S3, Timeouts};

use super::network::{Network, Stream};
use super::place::Place;
use super::store::{ACCESS_KEY, BUCKET, PORT, REGION, SECRET_KEY};

/// Shorter time-outs than the product's. This network never sends a dropped message again, so a long wait for it would
/// show nothing. They are still longer than any deadline, so that late answers occur.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(1), attempt: Duration::from_secs(3), stall: Duration::from_secs(2) };

/// The store as the server at `here` reaches it. The clock of the SDK shows `started` when the run begins. It is some minutes
/// off at most, even if the wall clock of the server is years off: S3 would refuse its signatures, and the server would
/// serve nobody.
pub fn store(network: &Network, here: Place, started: SystemTime) -> S3 {
    let url = format!("http://{}:{PORT}", Place::Store);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(&url)
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "lab"))
        .time_source(Clock(started))
        .http_client(Http { network: network.clone(), here, pool: OnceLock::new() });
    let address = Address { bucket: BUCKET.to_owned(), prefix: String::new() };
    S3::new(config.build(), &address, Some(url), TIMEOUTS)
}

/// The wall clock by which the SDK signs: simulated time since a given start.
#[derive(Debug)]
struct Clock(SystemTime);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.0 + turmoil::sim_elapsed().unwrap_or_default()
    }
}

struct Http {
    network: Network,
    here: Place,
    /// One pool for all requests, as in the SDK's own client. The SDK asks for a connector at every request, and separate
    /// pools would each open a connection.
    pool: OnceLock<SharedHttpConnector>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let pool = self.pool.get_or_init(|| {
            let patience = settings.connect_timeout().unwrap_or(TIMEOUTS.connect);
            let dial = Dial { network: self.network.clone(), here: self.here, patience };
            // The pool needs tokio's clock, too: the machine's would decide whether it reuses a connection.
            let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(dial.clone());
            SharedHttpConnector::new(ConnectionPool { client, dial })
        });
        pool.clone()
    }
}

#[derive(Debug)]
struct ConnectionPool {
    client: Client<Dial, SdkBody>,
    dial: Dial,
}

impl HttpConnector for ConnectionPool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let answer = self.client.request(request);
        let Dial { network, here, .. } = self.dial.clone();
        HttpConnectorFuture::new(async move {
            let response = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            if let Some(late) = network.lateness(here) {
                sleep(late).await;
            }
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Opens the pool's connections.
#[derive(Clone)]
struct Dial {
    network: Network,
    here: Place,
    patience: Duration,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dial({})", self.here)
    }
}

impl tower_service::Service<Uri> for Dial {
    type Response = TokioIo<Stream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Dial { network, here, patience } = self.clone();
        Box::pin(async move {
            let connected = timeout(patience, network.connect(here, Place::Store, PORT)).await;
            Ok(TokioIo::new(connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??))
        })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
