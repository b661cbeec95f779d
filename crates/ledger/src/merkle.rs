//! Merkle trees of RFC 9162 §2.1: hashes, the compact range that grows them,
//! and the proofs of inclusion and consistency with their verification.
//!
//! Pure arithmetic over hashes; leaves are whatever bytes the caller has.

use crate::digest::Digest;

/// The hash of a leaf: SHA-256(0x00 || leaf).
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::of(&[&[0], leaf])
}

/// The hash of a node: SHA-256(0x01 || left || right).
fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

/// The head of the tree over these leaf hashes (RFC 9162 §2.1.1).
pub fn tree_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&tree_root(left), &tree_root(right))
        }
    }
}

/// The largest power of two smaller than `n`, which is at least 2.
fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

/// The compact range of a tree: the heads of its complete subtrees, largest
/// first, one for each bit of its size. It is all that appending needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    heads: Vec<Digest>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Digest) {
        let mut head = leaf;
        // Each trailing one of the size is a subtree that the new one completes.
        for _ in 0..self.size.trailing_ones() {
            let left = self.heads.pop().expect("there is a head for each bit of the size");
            head = node_hash(&left, &head);
        }
        self.heads.push(head);
        self.size = self.size.checked_add(1).expect("a tree has fewer than 2^64 leaves");
    }

    /// The head of the tree.
    pub fn root(&self) -> Digest {
        let mut heads = self.heads.iter().rev();
        match heads.next() {
            None => tree_root(&[]),
            Some(last) => heads.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// The size, big-endian, and the heads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.heads.iter().for_each(|head| bytes.extend_from_slice(&head.0));
        bytes
    }

    /// Reads a frontier at the beginning of `bytes`; gives what follows too.
    pub(crate) fn split_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (size, rest) = bytes.split_first_chunk()?;
        let size = u64::from_be_bytes(*size);
        let (heads, rest) = rest.split_at_checked(size.count_ones() as usize * 32)?;
        Some((Self { size, heads: digests(heads) }, rest))
    }

    /// Reads what [`Frontier::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::split_from(bytes).and_then(|(frontier, rest)| rest.is_empty().then_some(frontier))
    }
}

/// The digests that stand one after the other in `bytes`.
pub(crate) fn digests(bytes: &[u8]) -> Vec<Digest> {
    let (digests, _) = bytes.as_chunks();
    digests.iter().map(|digest| Digest(*digest)).collect()
}

/// The audit path of the leaf at `index` (RFC 9162 §2.1.3.1); none if the tree
/// has no such leaf.
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, sibling) = match index.checked_sub(left.len()) {
        None => (inclusion_proof(left, index)?, tree_root(right)),
        Some(index) => (inclusion_proof(right, index)?, tree_root(left)),
    };
    proof.push(sibling);
    Some(proof)
}

/// Whether `proof` shows that the tree of `size` leaves with this head has
/// `leaf` at `index` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut head = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            head = node_hash(sibling, &head);
            // A node at the right border has no sibling until it is a right child.
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            head = node_hash(&head, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && head == *root
}

/// The proof that the tree over the first `old` leaves is the beginning of the
/// tree over all of them (RFC 9162 §2.1.4.1); none if `old` is no such size.
pub fn consistency_proof(leaves: &[Digest], old: usize) -> Option<Vec<Digest>> {
    match old {
        0 => None,
        _ if old > leaves.len() => None,
        _ => Some(subproof(leaves, old, true)),
    }
}

/// SUBPROOF of RFC 9162 §2.1.4.1; `known` where the verifier has the head of
/// exactly these leaves already.
fn subproof(leaves: &[Digest], old: usize, known: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![tree_root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    match old.checked_sub(left.len()) {
        None | Some(0) => {
            let mut proof = subproof(left, old, known);
            proof.push(tree_root(right));
            proof
        }
        Some(old) => {
            let mut proof = subproof(right, old, false);
            proof.push(tree_root(left));
            proof
        }
    }
}

/// Whether `proof` shows that the tree of `old` leaves with head `old_root` is
/// the beginning of the tree of `new` leaves with head `new_root`
/// (RFC 9162 §2.1.4.2). Of an empty old tree nothing can be shown.
pub fn verify_consistency(old: u64, new: u64, proof: &[Digest], old_root: &Digest, new_root: &Digest) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    // The head of a complete old tree is known and left out of the proof.
    let (first, path) = match proof {
        _ if old.is_power_of_two() => (old_root, proof),
        [first, path @ ..] => (first, path),
        [] => return false,
    };
    let complete = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> complete, (new - 1) >> complete);
    let (mut old_head, mut new_head) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_head = node_hash(sibling, &old_head);
            new_head = node_hash(sibling, &new_head);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_head = node_hash(&new_head, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_head == *old_root && new_head == *new_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The eight leaves of the reference tests of Certificate Transparency.
    fn reference_leaves() -> Vec<Digest> {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        leaves.iter().map(|leaf| leaf_hash(leaf)).collect()
    }

    #[test]
    fn the_reference_trees_have_their_known_heads() {
        let heads = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves = reference_leaves();
        let mut frontier = Frontier::new();
        for (size, head) in heads.iter().enumerate() {
            assert_eq!(tree_root(&leaves[..size]).to_string(), *head, "{size} leaves");
            assert_eq!(frontier.root().to_string(), *head, "a frontier of {size} leaves");
            if let Some(leaf) = leaves.get(size) {
                frontier.append(*leaf);
            }
        }
    }

    #[test]
    fn the_reference_audit_path_is_made() {
        // Leaf 0 of 8, the first inclusion vector of the reference tests.
        let proof = inclusion_proof(&reference_leaves(), 0).unwrap();
        let path: Vec<String> = proof.iter().map(Digest::to_string).collect();
        assert_eq!(
            path,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
    }

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn a_frontier_grows_into_the_tree(count in 0usize..300) {
            let leaves = leaves(count);
            let mut frontier = Frontier::new();
            leaves.iter().for_each(|leaf| frontier.append(*leaf));
            prop_assert_eq!(frontier.root(), tree_root(&leaves));
            prop_assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Some(frontier));
        }

        #[test]
        fn inclusion_is_proven_for_the_leaf_and_its_place_only(count in 1usize..130, at: prop::sample::Index, other: prop::sample::Index) {
            let leaves = leaves(count);
            let (index, other) = (at.index(count), other.index(count));
            let (size, root) = (count as u64, tree_root(&leaves));
            let proof = inclusion_proof(&leaves, index).unwrap();
            prop_assert!(verify_inclusion(&leaves[index], index as u64, size, &proof, &root));
            prop_assert_eq!(verify_inclusion(&leaves[index], other as u64, size, &proof, &root), index == other);
            prop_assert_eq!(verify_inclusion(&leaves[other], index as u64, size, &proof, &root), index == other);
            prop_assert!(!verify_inclusion(&leaves[index], index as u64, size, &proof, &leaf_hash(b"x")));
        }

        #[test]
        fn a_damaged_inclusion_proof_fails(count in 2usize..130, at: prop::sample::Index, hit: prop::sample::Index, bit in 0usize..256) {
            let leaves = leaves(count);
            let index = at.index(count);
            let (size, root) = (count as u64, tree_root(&leaves));
            let proof = inclusion_proof(&leaves, index).unwrap();
            let mut flipped = proof.clone();
            flipped[hit.index(proof.len())].0[bit / 8] ^= 1 << (bit % 8);
            let longer = [proof.as_slice(), &[root]].concat();
            for bad in [&flipped[..], &proof[1..], &longer[..]] {
                prop_assert!(!verify_inclusion(&leaves[index], index as u64, size, bad, &root));
            }
        }

        #[test]
        fn consistency_is_proven_for_a_true_beginning_only(new in 1usize..130, at: prop::sample::Index) {
            let leaves = leaves(new);
            let old = 1 + at.index(new);
            let (old_root, root) = (tree_root(&leaves[..old]), tree_root(&leaves));
            let proof = consistency_proof(&leaves, old).unwrap();
            let verify = |proof: &[Digest], old_root| verify_consistency(old as u64, new as u64, proof, old_root, &root);
            prop_assert!(verify(&proof, &old_root));
            let other = leaf_hash(b"x");
            prop_assert!(!verify(&proof, &other));
            prop_assert!(!verify(&[proof.as_slice(), &[root]].concat(), &old_root));
            for at in 0..proof.len() {
                let mut flipped = proof.clone();
                flipped[at].0[0] ^= 1;
                prop_assert!(!verify(&flipped, &old_root));
            }
        }

        #[test]
        fn any_bytes_are_read_as_a_frontier_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(frontier) = Frontier::from_bytes(&bytes) {
                prop_assert_eq!(frontier.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn there_is_no_proof_of_what_is_not_there() {
        let leaves = leaves(5);
        assert_eq!(inclusion_proof(&leaves, 5), None);
        assert_eq!(inclusion_proof(&[], 0), None);
        assert_eq!(consistency_proof(&leaves, 0), None);
        assert_eq!(consistency_proof(&leaves, 6), None);
        let root = tree_root(&leaves);
        assert!(!verify_inclusion(&leaves[0], 5, 5, &[], &root));
        assert!(!verify_consistency(0, 5, &[], &root, &root));
        assert!(!verify_consistency(6, 5, &[], &root, &root));
        assert!(!verify_consistency(3, 5, &[], &root, &root));
    }
}
