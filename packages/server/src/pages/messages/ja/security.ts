import type { enDevices, enSecondFactor } from '../en/security.js'
import { phrase } from '../parts/phrase.js'

/** The text of the pages about a user's devices, in Japanese. */
export const jaDevices: typeof enDevices = {
  heading: 'マイデバイス',
  lead: 'これらのデバイスは、それぞれの鍵を使ってあなたに代わって操作します。接続を解除すると、そのデバイスのアクセス権はすぐにすべて終了します。ただし、そのデバイスは、その後も最長で 1 時間、自身の身元を証明できます。',
  connectedOn: (moment) => phrase`接続：${moment}。`,
  lastUsedOn: (moment) => phrase`最後の利用：${moment}。`,
  lastUsedFrom: (moment, address) => phrase`最後の利用：${moment}（${address}から）。`,
  endsOn: (moment) => phrase`コードで接続されました。${moment}に自動的に終了します。`,
  stays: '接続を解除するまで有効です。',
  disconnect: '接続を解除',
  noAccess: 'アクセス権のあるエージェントはありません。デバイスは、アクセス権を得る前にあなたの許可を求めます。',

  connect: 'このコンピューターを接続',
  signIn: 'デバイスをアカウントに接続するには、ログインしてください。',
  question: '今、このコンピューターでこの操作を始めましたか？',
  questionElsewhere: '今、そのデバイスでこの操作を始めましたか？',
  answersTo: (device, port) =>
    phrase`回答は、このコンピューター（ポート ${port}）を経由して、あなたのデバイス${device}に送信されます。次のページが表示されない場合は、そのアドレスをコピーし、そのデバイスのターミナルにだけ貼り付けてください。`,
  comesFrom: (name) => phrase`このリクエストは、このアカウントに接続されたあなたのデバイス${name}からのものです。`,
  asks: (device) =>
    phrase`このコンピューターを${device}と呼ぶプログラムが、今後あなたに代わって操作することを求めています。何かにアクセスする前には、改めてあなたの許可が必要です。`,
  asked: '接続の内容',
  account: 'アカウント',
  device: 'デバイス',
  network: 'ネットワーク',
  time: '日時',
  unchecked: 'デバイスの名前はプログラムが決めたもので、確認していません。',
  notYou: 'メッセージ、ウェブサイト、またはほかの人に案内されてここに来た場合は、「いいえ」を選んでください。',
  no: 'いいえ',
  yes: 'はい、接続します',
  tooMany:
    'デバイスの数が、このサーバーの上限に達しています。先に「マイエージェント」で 1 台の接続を解除してください。',

  goBack: 'ターミナルに戻る',
  connected: 'このコンピューターを接続しています。このページを閉じて、ターミナルに戻ってください。',
  denied: '何も接続されませんでした。このページは閉じてかまいません。',

  codeHeading: 'コードでデバイスを接続',
  codeLead:
    'ssh で接続しているコンピューターなど、ブラウザのないコンピューター向けです。1 日間有効で、削除、支払い、完全な制御はできません。',
  codeWarning:
    'コードは、自分のターミナルにだけ入力してください。決して人に教えたり、ほかの人に指示された場所に入力したりしないでください。コードを持つ人は誰でも、あなたに代わって操作できます。',
  getCode: 'コードを取得',
  typeCode: (moment) =>
    phrase`コードを求めているターミナルに、このコードを入力してください。${moment} まで、1 回だけ使えます。`,
  typed: '入力しました',
  notTyped: 'このコードを送信したデバイスはまだありません。ターミナルに入力してから、ここで続けてください。',
  compare: (device, account) =>
    phrase`${device}と名乗るデバイスが、${account}に代わって操作するために、コードを送信しました。そのデバイスにコードを入力したのはご自分ですか？また、そこにこの番号が表示されていますか？`,
  claimedWarning:
    'サポート担当者を含め、誰かにコードを教えましたか？その場合は「いいえ」を選んでください。その人はアクセスできません。',
  same: 'はい、自分で入力し、番号も同じです',
  confirmed: (device) => phrase`デバイス${device}を接続しています。このページを閉じて、ターミナルに戻ってください。`,
  afterConfirmed:
    'このデバイスには、まだ何のアクセス権もありません。新しいアクセス権が必要になるたびに、あなたに許可を求めます。1 日後に自動的に終了しますが、それまではここで接続を解除できます。',
  codeEnded: 'このコードはもう使えません。まだ必要な場合は、新しいコードを取得してください。',
}

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
