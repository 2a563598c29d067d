/**
 * Whether a request is the last one of its connection. An API that leaves content unread would take it for the next request, and one
 * that sends content where there must be none would have it taken for the next answer.
 */
export function endsConnection(method: string, hasContent: boolean): boolean {
  return hasContent || method === 'HEAD'
}
