/** The WebSocket handshake (RFC 6455, section 4.2) with what MQTT asks of it; lazy, because `ws` is loaded with it. */
import { WebSocketServer } from 'ws';
import { MQTT_FRAME_MAX_BYTES, MQTT_LINGER_MS } from '../../../base/limits.ts';
import { problem } from '../../../model/errors.ts';
import { answerOnSocket } from '../../http/client-error.ts';
import type { Upgrade } from '../../http/upgrades.ts';
import { WebSocketLink } from './websocket-link.ts';

/** The client must offer the first [MQTT-6.0.0-3]; the second is what 3.1 clients called it. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'] as const;

/** A name of its own, because the types of `ws` do not know `closeTimeout` yet. */
const OPTIONS = {
  noServer: true,
  clientTracking: false,
  // A socket that compresses costs ~300 KiB (zlib's window and hash tables).
  perMessageDeflate: false,
  maxPayload: MQTT_FRAME_MAX_BYTES,
  closeTimeout: MQTT_LINGER_MS,
  // Text is refused, whatever is in it.
  skipUTF8Validation: true,
  // The server names the one it chose [MQTT-6.0.0-4].
  handleProtocols: (offered: ReadonlySet<string>) => SUBPROTOCOLS.find((one) => offered.has(one)) ?? false,
};

export class WebSocketHandshake {
  readonly #server = new WebSocketServer(OPTIONS);

  /** Undefined when refused: the peer has its answer, and the socket ends. */
  upgrade({ request, socket, head }: Upgrade): WebSocketLink | undefined {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    if (!SUBPROTOCOLS.some((one) => offered.includes(one))) {
      answerOnSocket(socket, problem('request.invalid', 'The subprotocol "mqtt" must be offered'));
      return undefined;
    }
    let link: WebSocketLink | undefined;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      link = new WebSocketLink({ webSocket, socket });
    });
    return link;
  }
}
