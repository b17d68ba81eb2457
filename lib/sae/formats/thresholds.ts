// Thresholds that no training has set.
import type { Floats } from '../../files/arrays.js';
import { broken } from '../../files/refuse.js';

/** What programs write for "not set yet". */
const UNSET = -1;

/** @throws UnsuperposeError `ERR_FORMAT` for a threshold of −1 */
export function checkThresholds(where: string, values: Floats | readonly number[]): void {
  const at = values.indexOf(UNSET);
  if (at < 0) return;
  const of = values.length > 1 ? `: entry ${at}` : '';
  broken(
    where,
    `is ${UNSET}${of}, which stands for a threshold that training has not set. Read so, every feature above 0 would be active: train on, or set it to the mean of the smallest activation that was kept`,
  );
}
