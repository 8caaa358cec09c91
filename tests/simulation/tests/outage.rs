//! A quarter of an hour without Graph.

use simulation::fault::Fault;
use simulation::outage::{Figures, run};

const OBJECTS: usize = 300;

fn without_fault(figures: &Figures) {
    assert_eq!(figures.wrong(), [""; 0], "{figures}");
    assert!(figures.edits > 0, "{figures}");
}

#[test]
fn a_graph_that_cannot_be_reached_is_one_probe_for_all_said_at_once_and_met_again_in_turn() {
    without_fault(&run(OBJECTS, Fault::Unconnected).unwrap());
}

#[test]
fn a_graph_that_answers_503_is_one_probe_for_all_said_at_once_and_met_again_in_turn() {
    without_fault(&run(OBJECTS, Fault::Refused(503)).unwrap());
}
