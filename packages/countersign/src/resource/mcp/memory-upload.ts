import { requireDigests } from '../../httpsig/content-digest.js'
import type { Upload } from '../../httpsig/received-message.js'
import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'

/** The content of a message, which is read only when nothing else can refuse it any more. */
export function memoryUpload(received: ReceivedMessage, maxBody: number): Required<Upload> {
  let content: Uint8Array = new Uint8Array(0)
  return {
    isAnnounced: announcesContent(received),
    content: () => content,
    async take(digests) {
      content = await received.body(maxBody)
      if (digests) await requireDigests(digests, content)
    },
  }
}

/** A POST has content unless it says that it has none: not every platform shows that there is. */
function announcesContent(received: ReceivedMessage): boolean {
  const [length] = fieldValues(received, 'content-length')
  if (fieldValues(received, 'transfer-encoding').length > 0) return true
  return length === undefined ? received.method === 'POST' : Number(length) !== 0
}
