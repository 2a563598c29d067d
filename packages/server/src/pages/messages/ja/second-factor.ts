import type { enSecondFactor } from '../en/second-factor.js'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about the second factor, in Japanese. */
export const jaSecondFactor: typeof enSecondFactor = {
  name: '2 段階認証',
  lead: 'パスワードに加えて、スマートフォンのアプリに表示されるコードも入力します。パスワードを知られても、それだけではログインされません。',
  since: (day) => phrase`有効にした日：${day}。`,
  codesLeft: (count) => `リカバリーコードの残りは ${count} 個です。`,
  setUp: '2 段階認証を設定',
  replace: '別のアプリまたはスマートフォンを使う',
  newCodes: '新しいリカバリーコードを取得',
  newCodesEffect: '古いリカバリーコードは使えなくなります。',
  turnOff: '2 段階認証を無効にする',
  turnOffQuestion: '2 段階認証を無効にしますか？',
  turnOffEffect: '今後はパスワードだけでログインできるようになります。リカバリーコードは使えなくなります。',
  keep: '有効のままにする',

  required: (server) => phrase`${server}では、続ける前に全員がこれを設定する必要があります。`,
  replaceEffect: '新しいアプリのコードを入力すると、古いアプリのコードは使えなくなります。',
  scan: 'スマートフォンで認証アプリを開き、この画像を読み取ってください。',
  qrCode: '下のキーを含む QR コード',
  typeKey: (key) => phrase`読み取れない場合は、このキーをアプリに入力してください：${key}`,
  openApp: 'このデバイスのアプリで開く',
  enterShown: 'アプリに表示されるコードを入力してください。',
  code: 'コード',
  turnOn: '有効にする',

  codesHeading: 'リカバリーコードを保管してください',
  codesLead:
    'スマートフォンをなくしたときは、代わりにこのコードのどれかでログインできます。それぞれ 1 回だけ使えます。パスワードマネージャーや、印刷して引き出しの中など、ほかの人に見つからない場所に保管してください。もう一度表示することはできません。',
  codesSaved: '保管しました',

  stepHeading: 'コードを入力してください',
  stepLead: (server) => phrase`認証アプリを開き、${server}のコードを入力してください。リカバリーコードも入力できます。`,
  stepPasskey: 'このアカウントにログインするには、パスキーも必要です。',
  lost: 'スマートフォンとリカバリーコードをなくしましたか？',
  askToReset: (whom) => phrase`アカウントの 2 段階認証を無効にするよう、${whom}に依頼してください。`,
  proveToContinue: '続けるには、パスワードとコードをもう一度入力してください。',
  proveToAllow: '許可するには、パスワードとコードをもう一度入力してください。',
  setUpToAllow: '許可するには、先に 2 段階認証を設定する必要があります。設定ページに移動し、終わったらここに戻ります。',
}
