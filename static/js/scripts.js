// The camera page: the table of contents.

import "./shell.js";
import { Cameras } from "./cameras.js";
import { showConnection, showWatching } from "./connection.js";
import { Grid } from "./grid.js";
import { pageData } from "./page.js";
import { Places } from "./places.js";
import { Server } from "./server.js";
import { Single } from "./single.js";
import { Steering } from "./steering.js";

const cameras = new Cameras(pageData.cameras);
const server = new Server(cameras);
const steering = new Steering(server, cameras);
const places = new Places(cameras);
const single = new Single(server, cameras, steering);
const grid = new Grid(server, cameras, (slug) => places.open(slug));

showConnection(server);
showWatching(server);
places.start(single, grid);
