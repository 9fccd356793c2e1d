/* Masking (RFC 6455, 5.3) for _mask.py, which has the same functions in Python. */

#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* New bytes: `size` of those at `data`, each XOR its turn of the four at `key`. */
static PyObject *
masked(const char *restrict data, Py_ssize_t size, const char *key)
{
    PyObject *result = PyBytes_FromStringAndSize(NULL, size);
    if (result == NULL) {
        return NULL;
    }
    char *restrict out = PyBytes_AsString(result);
    uint64_t keys, word;
    memcpy(&keys, key, 4);
    memcpy((char *)&keys + 4, key, 4);
    /* memcpy, because nothing is aligned; compilers make wide moves of it. */
    Py_ssize_t words = size / 8;
    for (Py_ssize_t at = 0; at < words; at++) {
        memcpy(&word, data + 8 * at, 8);
        word ^= keys;
        memcpy(out + 8 * at, &word, 8);
    }
    for (Py_ssize_t at = 8 * words; at < size; at++) {
        out[at] = data[at] ^ key[at % 4];
    }
    return result;
}

static PyObject *
mask(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    Py_buffer data, key;
    PyObject *result = NULL;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "mask() takes 2 arguments, got %zd", count);
        return NULL;
    }
    if (PyObject_GetBuffer(arguments[0], &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (PyObject_GetBuffer(arguments[1], &key, PyBUF_SIMPLE) == 0) {
        if (key.len == 4) {
            result = masked(data.buf, data.len, key.buf);
        }
        else {
            PyErr_Format(PyExc_ValueError, "a masking key has 4 bytes, got %zd", key.len);
        }
        PyBuffer_Release(&key);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyObject *
unmask(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    Py_buffer data;
    PyObject *result = NULL;
    if (count != 3) {
        PyErr_Format(PyExc_TypeError, "unmask() takes 3 arguments, got %zd", count);
        return NULL;
    }
    Py_ssize_t start = PyLong_AsSsize_t(arguments[1]);
    if (start == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t stop = PyLong_AsSsize_t(arguments[2]);
    if (stop == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (PyObject_GetBuffer(arguments[0], &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (4 <= start && start <= stop && stop <= data.len) {
        const char *payload = (const char *)data.buf + start;
        result = masked(payload, stop - start, payload - 4);
    }
    else {
        PyErr_Format(PyExc_ValueError, "no key and payload at %zd to %zd of %zd bytes",
                     start, stop, data.len);
    }
    PyBuffer_Release(&data);
    return result;
}

static PyMethodDef methods[] = {
    {"mask", (PyCFunction)(void (*)(void))mask, METH_FASTCALL, NULL},
    {"unmask", (PyCFunction)(void (*)(void))unmask, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_mask_accelerator",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__mask_accelerator(void)
{
    return PyModuleDef_Init(&module);
}
