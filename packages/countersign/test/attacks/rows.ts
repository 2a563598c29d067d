import { ambiguousClaimRows } from './ambiguous-claim-rows.js'
import type { Row } from './attack.js'
import { controls } from './controls.js'
import { coveredPartsRows } from './covered-parts-rows.js'
import { endpointRows } from './endpoint-rows.js'
import { fieldValueRows } from './field-value-rows.js'
import { headerRows } from './header-rows.js'
import { http2Rows } from './http2-rows.js'
import { keyDocumentRows } from './key-document-rows.js'
import { keyLookupRows } from './key-lookup-rows.js'
import { keyReferenceRows } from './key-reference-rows.js'
import { messageRows } from './message-rows.js'
import { replayRows } from './replay-rows.js'
import { resourceRows } from './resource-rows.js'
import { signatureRows } from './signature-rows.js'
import { tokenFormRows } from './token-form-rows.js'
import { tokenRows } from './token-rows.js'

/** The table: base cases, the rows of groups S, K and T, the rows of group R about signatures, and additional rows. */
export const rows: readonly Row[] = [
  ...controls,
  ...signatureRows,
  ...messageRows,
  ...headerRows,
  ...replayRows,
  ...keyReferenceRows,
  ...keyDocumentRows,
  ...tokenRows,
  ...resourceRows,
  ...coveredPartsRows,
  ...fieldValueRows,
  ...endpointRows,
  ...keyLookupRows,
  ...tokenFormRows,
  ...ambiguousClaimRows,
  ...http2Rows,
]

const through = (group: string, last: number, missing: readonly number[]) =>
  Array.from({ length: last }, (_, index) => index + 1)
    .filter((number) => !missing.includes(number))
    .map((number) => group + String(number).padStart(2, '0'))

/** The id of every row of the groups. */
export const listedIds: readonly string[] = [
  ...through('S', 51, [6, 13, 22, 34]),
  'S35b',
  ...through('K', 31, [17, 19]),
  ...through('T', 24, [5, 6, 14, 20, 21]),
  ...through('R', 6, [3]),
]
