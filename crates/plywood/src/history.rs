//! `history`: the steps that made an image, each with the layer it made.

use ply_image::{ChainId, History};

use crate::view::{View, ViewLayer};

/// One step in the making of an image.
#[derive(Debug, Clone)]
pub struct Step {
    /// What was done.
    pub history: History,
    /// The layer it made, and its number from the bottom, from 1; `None` for a step that left the files alone.
    pub layer: Option<(usize, ViewLayer)>,
    /// Bytes of file content the step added; `None` where the layer was not counted.
    pub size: Option<u64>,
}

/// The steps of an image, from the top down. A layer that no step accounts for gets a step of its own.
#[must_use]
pub fn steps(view: &View) -> Vec<Step> {
    let mut layers = view.layers.iter().cloned().zip(1..);
    let mut steps: Vec<Step> = view
        .config
        .value
        .history
        .iter()
        .map(|history| {
            let layer = if history.empty_layer { None } else { layers.next() };
            step(history.clone(), layer)
        })
        .collect();
    steps.extend(layers.map(|layer| step(History::default(), Some(layer))));
    steps.reverse();
    steps
}

/// The step that made each layer, from the bottom up; an empty one for a layer that no step accounts for.
#[must_use]
pub fn of_layers(view: &View) -> Vec<History> {
    let made = steps(view).into_iter().filter(|step| step.layer.is_some());
    let mut histories: Vec<History> = made.map(|step| step.history).collect();
    histories.reverse();
    histories
}

fn step(history: History, layer: Option<(ViewLayer, usize)>) -> Step {
    let size = layer.as_ref().map_or(Some(0), |(layer, _)| layer.content);
    Step { history, size, layer: layer.map(|(layer, number)| (number, layer)) }
}

impl Step {
    /// ChainID of the stack as this step left it, where it made a layer.
    #[must_use]
    pub fn chain_id(&self) -> Option<ChainId> {
        self.layer.as_ref().map(|(_, layer)| layer.chain_id)
    }
}
