//! The tests of the endpoint, as one program: each program of its own would hold all of DataFusion.

mod clients;
mod http;
mod replies;
mod requests;
mod shapes;
