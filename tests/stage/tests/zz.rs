//! tmp
use stage::*; use std::time::Duration;
fn go(c: Credentials) {
 let mut s=Stage::builder("/tmp/op").credentials(c).argument("--log-level=debug").start().unwrap();
 s.apply(&s.tenant_manifest("default")).unwrap();
 let r=s.wait_ready("EntraTenant","default",None,Duration::from_secs(10));
 eprintln!("{c:?} {} requests {}", r.is_ok(), s.emulator().requests().len());
 for q in s.emulator().requests() { eprintln!("{} {} {} {}", q["method"],q["path"],q["status"],q["responseBody"]); }
 if r.is_err() { eprintln!("{}", s.log()); return; }
 eprintln!("pid {:?} {:?}", s.operator().unwrap().pid(), s.operator().unwrap().kill());
 s.operator().unwrap().restart().unwrap();
 wait_for("a token again", Duration::from_secs(10), || { let n=s.emulator().requests().iter().filter(|r| stage::emulator::is_token_request(r)).count(); if n>=2 {Ok(())} else {Err(n)} }).unwrap();
 eprintln!("stop {:?}", s.operator().unwrap().stop());
 s.stop();
}
#[test] fn t() { go(Credentials::ClientSecret); go(Credentials::ClientSecret); go(Credentials::WorkloadIdentity); go(Credentials::WorkloadIdentity);}
