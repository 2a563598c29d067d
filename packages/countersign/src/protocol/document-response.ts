import { jsonResponse } from '../lib/json-response.js'

/** Answers with a document or keys that anybody may read, and keep for five minutes. */
export function documentResponse(document: object): Response {
  return jsonResponse(200, document, { 'cache-control': 'public, max-age=300' })
}
