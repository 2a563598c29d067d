import type { ServerResponse } from 'node:http'

/** Most news of one answer that go on. */
const most = 8

/** A link with parameters, as Node.js sends it; each part ends where only it can, so that no text takes long. */
const link = /^<[^<>\s]{1,2048}>(?:; ?[a-z-]{1,32}=(?:[\w./:-]{1,64}|"[\w./:-]{1,64}")){0,8}$/

/**
 * Passes on what the API says before its answer: that it is at work, and early hints with plain links. Other news of the kind is for
 * the gateway, and to a client that does not read there is none.
 */
export function passInformation(outgoing: ServerResponse): (status: number, rawHeaders: readonly string[]) => void {
  let left = most
  return (status, rawHeaders) => {
    if (
      left === 0 ||
      outgoing.headersSent ||
      outgoing.req.httpVersion !== '1.1' ||
      (outgoing.socket?.writableLength ?? 0) > 0
    )
      return
    const links = status === 103 ? linksIn(rawHeaders) : []
    if (status === 102) outgoing.writeProcessing()
    else if (links.length > 0) outgoing.writeEarlyHints({ link: links })
    else return
    left--
  }
}

function linksIn(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter(
    (value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'link' && link.test(value),
  )
}
