// The page of devices: the boards, and for admins the cameras.

import "./shell.js";
import { Boards } from "./boards.js";
import { BoardsList } from "./boards_list.js";
import { Cameras } from "./cameras.js";
import { startCamerasAdmin } from "./cameras_admin.js";
import { me, pageData } from "./page.js";
import { Server } from "./server.js";

const cameras = new Cameras(pageData.cameras);
const server = new Server(cameras);
const boards = new Boards(pageData.devices, server, cameras);
new BoardsList(boards);
if (me.is_admin) startCamerasAdmin(server, cameras, boards);
