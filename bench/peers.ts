// Starting the peer processes of a run, and saying what is absent.
import type { Peers } from './contenders.js';
import { findPython, openBlasSettings, type PeerHello, startPeer } from './peer-process.js';

/** `bare`: the sgemm and the judge only, without the libraries that peers need. */
export async function startPeers(skipped: string[], bare = false): Promise<Peers | undefined> {
  const python = findPython();
  if (!python) {
    skipped.push(
      'all peers and the sgemm unit: no Python that imports numpy (UNSUPERPOSE_BENCH_PYTHON names one)',
    );
    return undefined;
  }
  const peer = startPeer(python);
  const hello = await peer.ask<PeerHello>('hello', { bare });
  for (const [name, reason] of Object.entries(hello.missing)) skipped.push(`${name}: ${reason}`);
  if (!hello.openblas)
    skipped.push('nothing, but numpy runs on another BLAS than OpenBLAS: the unit is its product');
  const settings = openBlasSettings();
  if (Object.keys(settings).length === 0) return { hello, process: peer };
  return { hello, process: peer, asConfigured: startPeer(python, settings) };
}

export function closePeers(peers: Peers | undefined): void {
  peers?.process.close();
  peers?.asConfigured?.close();
}
